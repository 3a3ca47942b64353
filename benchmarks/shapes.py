"""Models of a shape, with random weights: for times and bytes, not for what they say."""

from __future__ import annotations

import torch
from transformers import AutoModelForCausalLM, Qwen3Config

from memos.activation.transformers_model import CausalModel

SHAPES = {
    "qwen3-8b": {
        "hidden_size": 4096,
        "intermediate_size": 12288,
        "num_hidden_layers": 36,
        "num_attention_heads": 32,
    },
    "qwen3-32b": {
        "hidden_size": 5120,
        "intermediate_size": 25600,
        "num_hidden_layers": 64,
        "num_attention_heads": 64,
    },
}


def of_shape(shape: str, device: str) -> CausalModel:
    """A model of a known shape, in bfloat16."""
    return random_model(
        Qwen3Config(
            **SHAPES[shape],  # type: ignore[arg-type] # the stub's other arguments are no numbers
            num_key_value_heads=8,
            head_dim=128,
            vocab_size=151_936,
            max_position_embeddings=40_960,
        ),
        device,
    )


def random_model(configuration: Qwen3Config, device: str) -> CausalModel:
    """A model of a shape, in bfloat16."""
    with torch.device(device):
        model = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
            configuration, dtype=torch.bfloat16
        )
    return CausalModel(model)
