"""Tiny models of several makes, each as MemOS reads with it and as transformers has it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any, NamedTuple

import torch
from transformers import (
    AutoModelForCausalLM,
    LlamaConfig,
    PreTrainedConfig,
    PreTrainedModel,
    Qwen3Config,
)

from memos.activation.transformers_model import CausalModel

VOCABULARY = 97
SIZES: dict[str, Any] = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "head_dim": 16,
    "max_position_embeddings": 256,
    # Wide enough for what is attended to to change what is said.
    "initializer_range": 0.3,
    "eos_token_id": 2,
}


class TinyModel(NamedTuple):
    """The same weights twice: `plain` is transformers' own forward, without a cache."""

    reading: CausalModel
    plain: PreTrainedModel


def qwen3() -> PreTrainedConfig:
    return Qwen3Config(**SIZES, num_key_value_heads=2)


def llama() -> PreTrainedConfig:
    return LlamaConfig(**SIZES, num_key_value_heads=1, rope_parameters=LLAMA3_ROPE)


LLAMA3_ROPE = {
    "rope_type": "llama3",
    "rope_theta": 1e4,
    "factor": 4.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 64,
}


def initialised(configuration: PreTrainedConfig, seed: int = 1) -> PreTrainedModel:
    """A model with random weights in float32; always the same for a seed."""
    torch.manual_seed(seed)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
        configuration, dtype=torch.float32, attn_implementation="sdpa"
    )
    model.train(False)
    return model


MAKERS: dict[str, Callable[[], PreTrainedModel]] = {
    "qwen3": lambda: initialised(qwen3()),
    "llama": lambda: initialised(llama()),
}
"""Reading is tested on each. A model made twice must have the same weights, and 97 tokens or more."""


def tiny_model(name: str) -> TinyModel:
    make = MAKERS[name]
    return TinyModel(CausalModel(make()), make())


def random_ids(chance: Random, least: int, most: int) -> list[int]:
    """A text of that many tokens; 2, which ends an answer, is not among them."""
    return [chance.randrange(3, VOCABULARY) for _ in range(chance.randint(least, most))]
