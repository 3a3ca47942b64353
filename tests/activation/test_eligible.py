from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import transformers
from transformers import AutoConfig, PreTrainedConfig

from memos.activation.eligible import check_eligible
from memos.activation.errors import ModelRefused
from memos.activation.transformers_model import CausalModel
from tests.activation.tiny_models import SIZES, initialised, llama, qwen3

SLIDING: dict[str, Any] = {"use_sliding_window": True, "sliding_window": 8, "max_window_layers": 1}
REFUSED: dict[str, tuple[Callable[[], PreTrainedConfig], str]] = {
    "some layers slide": (
        lambda: transformers.Qwen3Config(**SIZES, **SLIDING),
        "layers of sliding_attention",
    ),
    "all layers slide": (
        lambda: transformers.MistralConfig(**SIZES, sliding_window=8),
        "sliding",
    ),
    "chunked": (lambda: AutoConfig.for_model("llama4_text"), "chunked_attention"),
    "linear": (lambda: AutoConfig.for_model("qwen3_next"), "linear_attention"),
    "indexed": (lambda: AutoConfig.for_model("deepseek_v32"), "index"),
    "compressed": (lambda: AutoConfig.for_model("deepseek_v3"), "compressed keys"),
    "capped": (lambda: AutoConfig.for_model("gemma2"), "capped attention scores"),
    "recurrent": (lambda: AutoConfig.for_model("mamba"), "positions are not one RoPE"),
    "encoder": (lambda: AutoConfig.for_model("t5"), "has an encoder"),
    "images": (lambda: AutoConfig.for_model("qwen2_5_vl"), "more than text"),
    "growing RoPE": (
        lambda: transformers.LlamaConfig(
            rope_parameters={"rope_type": "dynamic", "rope_theta": 1e4, "factor": 2.0}
        ),
        r"RoPE \(dynamic\) depends on the length",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_whose_cache_cannot_be_kept_in_pieces_is_refused_with_the_reason(name: str) -> None:
    make, told = REFUSED[name]
    with pytest.raises(ModelRefused, match=told):
        check_eligible(make(), replaceable_attention=True)


@pytest.mark.parametrize("make", [qwen3, llama, lambda: AutoConfig.for_model("qwen2")])
def test_decoders_with_full_attention_are_not_refused(make: Callable[[], PreTrainedConfig]) -> None:
    check_eligible(make(), replaceable_attention=True)


def test_a_model_that_keeps_its_own_attention_is_refused() -> None:
    with pytest.raises(ModelRefused, match="cannot be replaced"):
        check_eligible(qwen3(), replaceable_attention=False)


def test_a_model_that_is_refused_is_so_before_anything_is_read() -> None:
    sliding = initialised(transformers.Qwen3Config(**SIZES, **SLIDING))
    with pytest.raises(ModelRefused, match="sliding_attention"):
        CausalModel(sliding)


def test_a_model_taken_over_is_not_read_without_its_segments() -> None:
    model = initialised(qwen3())
    CausalModel(model)
    with pytest.raises(ModelRefused, match=r"call the model through memos\.activation"):
        model(model.dummy_inputs["input_ids"] % 97)
