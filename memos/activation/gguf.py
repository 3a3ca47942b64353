"""A model that comes as GGUF, written as safetensors once: whoever loads it needs no GGUF."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, PreTrainedModel
from transformers.modeling_gguf_pytorch_utils import load_gguf_checkpoint

from memos.activation.errors import ModelRefused
from memos.activation.transformers_model import without_progress_bars


def convert_gguf(file: Path, into: Path, stop_tokens: Sequence[str]) -> None:
    """Write configuration, weights in float32 and tokenizer of a GGUF file into a directory.

    `from_pretrained` would read the weights too, and wants accelerate for it, which nothing else needs.

    Args:
        file: the GGUF file.
        into: an existing directory.
        stop_tokens: what ends an answer. A GGUF file names one token, which for chat models is not
            always the one that ends a turn.

    Raises:
        ModelRefused: the file lacks weights that the model has.
    """
    directory, name = str(file.parent), file.name
    configuration = AutoConfig.from_pretrained(directory, gguf_file=name)
    tokenizer = AutoTokenizer.from_pretrained(directory, gguf_file=name)
    model: PreTrainedModel = AutoModelForCausalLM.from_config(  # type: ignore[no-untyped-call]
        configuration, dtype=torch.float32
    )
    with without_progress_bars():
        read = load_gguf_checkpoint(  # type: ignore[no-untyped-call]
            str(file), return_tensors=True, model_to_load=model, torch_dtype=torch.float32
        )
    missing, unexpected = model.load_state_dict(read["tensors"], strict=False)
    model.tie_weights()
    tied = set(model.all_tied_weights_keys)
    if unexpected or set(missing) - tied:
        raise ModelRefused(
            f"{file} does not hold the weights of a {configuration.model_type}: "
            f"{len(set(missing) - tied)} are missing and {len(unexpected)} are others"
        )
    ends = [tokenizer.convert_tokens_to_ids(token) for token in stop_tokens]
    model.generation_config.eos_token_id = ends
    with without_progress_bars():
        model.save_pretrained(into)
    tokenizer.save_pretrained(into)
