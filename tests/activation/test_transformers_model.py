from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from memos.activation.errors import ModelRefused
from memos.activation.request_cache import RequestCache
from memos.activation.segment import Segment
from memos.activation.transformers_model import CausalModel
from tests.activation.tiny_models import TinyModel, initialised, llama


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    initialised(llama()).save_pretrained(tmp_path)
    return tmp_path


def test_a_model_that_was_saved_is_the_same_model_when_loaded_from_anywhere(
    saved: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "other name"
    loaded = CausalModel.load(saved)
    saved.rename(elsewhere)
    assert CausalModel.load(elsewhere).identity == loaded.identity
    assert loaded.identity == CausalModel(initialised(llama())).identity


def test_other_weights_under_the_same_name_are_another_model(saved: Path) -> None:
    before = CausalModel.load(saved).identity
    initialised(llama(), seed=2).save_pretrained(saved)
    after = CausalModel.load(saved).identity
    assert after.weights != before.weights
    assert after.configuration == before.configuration


def test_another_rope_is_another_model(saved: Path) -> None:
    before = CausalModel.load(saved).identity
    path = saved / "config.json"
    configuration = json.loads(path.read_text())
    configuration["rope_parameters"]["rope_theta"] = 2e4
    path.write_text(json.dumps(configuration))
    after = CausalModel.load(saved).identity
    assert after.configuration != before.configuration
    assert after.weights == before.weights


def test_the_same_weights_in_another_type_are_another_model(saved: Path) -> None:
    half = CausalModel.load(saved, dtype=torch.bfloat16)
    assert half.identity.dtype == "torch.bfloat16"
    assert half.identity.digest != CausalModel.load(saved).identity.digest
    segment = half.compute_segment([3, 4, 5], (), b"k" * 32).segment
    assert segment.keys_values.dtype == torch.bfloat16
    _, logits = half.start((segment,), [[6, 7]])
    assert logits.isfinite().all()


def test_weights_that_could_run_code_when_read_are_refused(saved: Path) -> None:
    (saved / "model.safetensors").unlink()
    torch.save(initialised(llama()).state_dict(), saved / "pytorch_model.bin")
    with pytest.raises(ModelRefused, match="no weights as safetensors"):
        CausalModel.load(saved)


def test_a_model_of_which_weights_are_lacking_is_not_filled_with_random_ones(saved: Path) -> None:
    file = saved / "model.safetensors"
    weights = load_file(file)
    del weights["model.layers.1.mlp.up_proj.weight"]
    save_file(weights, file, metadata={"format": "pt"})
    with pytest.raises(ModelRefused, match=r"lacks 1 weights of its model, model\.layers\.1\.mlp"):
        CausalModel.load(saved)


def test_a_segment_is_one_buffer_that_starts_behind_its_parents(model: TinyModel) -> None:
    one = model.reading.compute_segment([3, 4, 5], (), b"1" * 32).segment
    two = model.reading.compute_segment([6, 7], (one,), b"2" * 32).segment
    assert (one.start, one.tokens, one.parent) == (0, 3, b"")
    assert (two.start, two.tokens, two.parent) == (3, 2, one.key)
    shape = model.reading.shape
    assert two.keys_values.shape == (shape.layers, 2, shape.kv_heads, 2, shape.head_dim)
    for segment in (one, two):
        assert segment.keys_values.is_contiguous()
        assert segment.bytes == segment.keys_values.untyped_storage().nbytes()


def test_a_request_takes_a_segment_by_reference_and_allocates_its_own_tail_only(
    model: TinyModel,
) -> None:
    shape = model.reading.shape
    size = (shape.layers, 2, shape.kv_heads, 200_000, shape.head_dim)
    large = Segment(b"k" * 32, b"", 0, torch.zeros(size))
    cache = RequestCache(shape, (large,), 1, 5)
    for layer in range(shape.layers):
        for number, part in enumerate(cache.prefix(layer)):
            assert part.data_ptr() == large.keys_values[layer, number].data_ptr()
    assert cache.tail.nbytes == large.bytes // 200_000 * 5


def test_a_request_over_several_segments_copies_one_layer_at_a_time_and_no_more(
    model: TinyModel,
) -> None:
    shape = model.reading.shape
    pieces = [
        Segment(
            b"k" * 32, b"", 0, torch.randn(shape.layers, 2, shape.kv_heads, tokens, shape.head_dim)
        )
        for tokens in (3, 1, 6)
    ]
    cache = RequestCache(shape, pieces, 1, 5)
    whole = torch.cat([piece.keys_values for piece in pieces], dim=3)
    tiles = set()
    for layer in range(shape.layers):
        keys, values = cache.prefix(layer)
        assert torch.equal(keys, whole[layer, 0])
        assert torch.equal(values, whole[layer, 1])
        tiles.add(keys.data_ptr())
    assert len(tiles) == 1
