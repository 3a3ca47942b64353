"""Which models have a KV cache that can be kept in pieces."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from memos.activation.errors import ModelRefused

FULL = "full_attention"
GROWING_ROPE = ("dynamic", "longrope")
"""Kinds of RoPE whose angles depend on how long the sequence is: a key would depend on what follows it."""
TELLING: Mapping[str, str] = {
    "attention_chunk_size": "chunked attention",
    "attn_logit_softcapping": "capped attention scores",
    "index_topk": "indexed attention",
    "kv_lora_rank": "compressed keys and values",
    "num_kv_shared_layers": "layers that share a cache",
}
"""Settings that tell of another attention in configurations without `layer_types`."""


def check_eligible(configuration: Any, replaceable_attention: bool) -> None:
    """Refuse a model whose keys and values depend on more than the tokens before, or are no keys.

    Args:
        configuration: as transformers has it.
        replaceable_attention: whether the model lets its attention be replaced.

    Raises:
        ModelRefused: with all reasons.
    """
    reasons = [*_reasons(configuration)]
    if not replaceable_attention:
        reasons.append("its attention cannot be replaced")
    if reasons:
        raise ModelRefused(
            f"a model of type {configuration.model_type} cannot be kept in segments: "
            f"{'; '.join(reasons)}. Use a decoder whose layers are all {FULL}"
        )


def _reasons(configuration: Any) -> Iterator[str]:
    if configuration.is_encoder_decoder:
        yield "it has an encoder"
    if configuration.get_text_config() is not configuration:
        yield "it reads more than text"
    kinds = getattr(configuration, "layer_types", None)
    others = sorted({kind for kind in kinds or () if kind != FULL})
    if others:
        yield f"it has layers of {', '.join(others)}"
    if kinds is None and _slides(configuration):
        yield "it has sliding attention"
    for setting, told in TELLING.items():
        if getattr(configuration, setting, None):
            yield f"it has {told}"
    rope = getattr(configuration, "rope_parameters", None) or {}
    if rope.get("rope_type") in GROWING_ROPE:
        yield f"its RoPE ({rope['rope_type']}) depends on the length of the whole sequence"
    elif "rope_type" not in rope:
        yield "its positions are not one RoPE for all layers"


def _slides(configuration: Any) -> bool:
    window = getattr(configuration, "sliding_window", None)
    return window is not None and getattr(configuration, "use_sliding_window", True)
