"""A tiny chat model: random weights, and a tokenizer whose tokens are bytes and ChatML's marks."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedModel, Qwen3Config

from memos.activation.adapter_store import AdapterStore
from memos.activation.adapters import Adapter
from memos.activation.chat_model import ADAPTERS, LocalModel
from memos.activation.chat_template import CHATML_TURNS
from memos.activation.pool.port import ManagedPool
from memos.activation.segment_store import SegmentStore, StoreLimits
from memos.activation.tokenizer import FILE, TextTokenizer
from memos.activation.transformers_model import CausalModel, without_progress_bars
from tests.activation.peft_adapters import random_adapter
from tests.activation.tiny_models import SIZES, initialised

MARKS = ("<|im_start|>", "<|im_end|>")
STOP = 257


def write_tokenizer(directory: Path, marks: tuple[str, ...] = MARKS) -> Path:
    """Write a tokenizer of bytes and marks into a directory."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    made = Tokenizer(models.BPE({letter: place for place, letter in enumerate(letters)}, []))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(mark, special=True) for mark in marks])
    (directory / FILE).write_text(json.dumps(json.loads(made.to_str())))
    return directory


def write_chat_model(directory: Path) -> Path:
    """Write the model into a directory, as `LocalModel.load` reads one; the same weights every time."""
    with without_progress_bars():
        _weights().save_pretrained(directory)
    return write_tokenizer(directory)


def _weights() -> PreTrainedModel:
    sizes = {**SIZES, "vocab_size": 260, "max_position_embeddings": 16384, "eos_token_id": STOP}
    return initialised(Qwen3Config(**sizes, num_key_value_heads=2))


@cache
def _causal_model(template: str) -> CausalModel:
    return CausalModel(_weights(), template=template)


def tiny_chat_model(
    directory: Path, pool: ManagedPool | None = None, kept_in: Path | None = None
) -> LocalModel:
    """The same weights every time; a pool of its own where none is given."""
    store = SegmentStore.on_device("cpu", kept_in) if pool is None else SegmentStore(pool)
    tokenizer = TextTokenizer(write_tokenizer(directory))
    model = _causal_model(CHATML_TURNS.version)
    adapters = adapter_store(None if kept_in is None else kept_in / ADAPTERS)
    return LocalModel(model, tokenizer, name="tiny", store=store, adapters=adapters)


def adapter_store(directory: Path | None = None, limits: StoreLimits | None = None) -> AdapterStore:
    """Of the tiny chat model's adapters."""
    model = _causal_model(CHATML_TURNS.version)
    return AdapterStore(model.identity.base_digest, model.shape.device, directory, limits)


def chat_adapter(directory: Path, seed: int = 1, **settings: Any) -> Adapter:
    """An adapter of the tiny chat model that changes what it says."""
    return random_adapter(_weights(), directory, seed=seed, **settings)
