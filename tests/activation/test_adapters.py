"""LoRA adapters are a model of their own, over the same weights."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from memos.activation.adapters import Adapter, concatenated
from memos.activation.errors import ModelRefused
from memos.activation.transformers_model import CausalModel
from memos.infrastructure.chat_models.adapter_files import CONFIGURATION, WEIGHTS
from tests.activation.peft_adapters import random_adapter, save_adapter
from tests.activation.tiny_models import initialised, llama, qwen3

QUERY = [[3, 4, 5, 6]]


@pytest.fixture
def adapters(tmp_path: Path) -> list[Adapter]:
    """Two, of different ranks, scales and layers."""
    return [
        random_adapter(initialised(qwen3()), tmp_path / "one"),
        random_adapter(
            initialised(qwen3()), tmp_path / "two", seed=2, rank=2, target_modules=["q_proj"]
        ),
    ]


def logits(model: CausalModel) -> Tensor:
    return model.start((), QUERY)[1]


def with_sums(adapters: list[Adapter]) -> Tensor:
    """The logits of a model to whose weights scale · B A was added."""
    model = initialised(qwen3())
    weights = model.state_dict()
    for adapter in adapters:
        for name, factor in adapter.tensors.items():
            if name.endswith("lora_A.weight"):
                other = adapter.tensors[name.replace("lora_A", "lora_B")]
                path = name.removeprefix("base_model.model.").replace(".lora_A", "")
                weights[path] += adapter.scale * (other @ factor)
    with torch.no_grad():
        found: Tensor = model(torch.tensor(QUERY)).logits[:, -1]
    return found


def test_adapters_add_their_products_and_none_hides_another(adapters: list[Adapter]) -> None:
    base = CausalModel(initialised(qwen3()))
    for some in (adapters[:1], adapters[1:], adapters, adapters[::-1]):
        told = logits(base.with_adapters(some))
        assert (told - with_sums(some)).abs().max() < 1e-4
        assert (told - logits(base)).abs().max() > 0.1


def test_an_adapter_on_an_adapted_model_is_both(adapters: list[Adapter]) -> None:
    base = CausalModel(initialised(qwen3()))
    both = base.with_adapters(adapters)
    one_more = base.with_adapters(adapters[:1]).with_adapters(adapters[1:])
    assert one_more.identity == both.identity
    assert torch.equal(logits(one_more), logits(both))


def test_the_model_below_shares_its_weights_and_keeps_its_bits(adapters: list[Adapter]) -> None:
    base = CausalModel(initialised(qwen3()))
    before = logits(base)
    adapted = base.with_adapters(adapters)
    logits(adapted)
    assert torch.equal(logits(base), before)
    assert torch.equal(logits(base.with_adapters([])), before)
    assert base.with_adapters([]).identity == base.identity
    assert base.identity == CausalModel(initialised(qwen3())).identity
    own = {tensor.data_ptr() for tensor in base._model.parameters()}
    taken = [each for each in adapted._model.parameters() if each.data_ptr() not in own]
    assert sum(each.numel() for each in taken) == sum(
        each.numel() for adapter in adapters for each in adapter.tensors.values()
    )


def test_an_adapter_in_place_of_another_works_as_put_on_anew(
    adapters: list[Adapter], tmp_path: Path
) -> None:
    base = CausalModel(initialised(qwen3()))
    one = base.with_adapters(adapters[:1])
    before = logits(one)
    other = replace(random_adapter(initialised(qwen3()), tmp_path / "other", seed=3), scale=0.5)
    assert other.shape == adapters[0].shape != adapters[1].shape
    refitted = one.refitted(other)
    assert refitted.identity == base.with_adapters([other]).identity
    assert torch.equal(logits(refitted), logits(base.with_adapters([other])))
    assert torch.equal(logits(one), before)
    with refitted.by_row([None]):
        assert torch.equal(logits(refitted), logits(base))
        assert torch.equal(logits(one), before)  # they share no layer with an adapter
    shared = {each.data_ptr() for each in base._model.parameters()}
    own = [each for each in refitted._model.parameters() if each.data_ptr() not in shared]
    assert {each.data_ptr() for each in own} == {each.data_ptr() for each in other.tensors.values()}


def test_adapters_side_by_side_are_one_with_the_sum_of_their_ranks(adapters: list[Adapter]) -> None:
    base = CausalModel(initialised(qwen3()))
    both = concatenated(adapters)
    assert both.rank == 4 + 2
    assert (logits(base.with_adapters([both])) - with_sums(adapters)).abs().max() < 1e-4
    assert both.digest != concatenated(adapters[::-1]).digest
    assert concatenated(adapters[:1]) is adapters[0]


def test_a_model_names_its_adapters_by_what_they_are(
    adapters: list[Adapter], tmp_path: Path
) -> None:
    base = CausalModel(initialised(qwen3()))
    one, two = adapters
    identity = base.with_adapters([one]).identity
    assert identity.adapters == ((one.digest, 2.0),)
    assert identity.weights == base.identity.weights
    again = random_adapter(initialised(qwen3()), tmp_path / "elsewhere")
    assert base.with_adapters([again]).identity == identity
    changed = {name: tensor.clone() for name, tensor in one.tensors.items()}
    next(iter(changed.values()))[0, 0] += 1e-3
    others = [
        [replace(one, scale=1.0)],
        [replace(one, tensors=changed)],
        [two],
        [one, two],
        [two, one],
    ]
    digests = {base.with_adapters(each).identity.digest for each in others}
    assert len(digests | {identity.digest, base.identity.digest}) == 7


def test_the_scale_is_that_of_the_training(tmp_path: Path) -> None:
    plain = random_adapter(initialised(llama()), tmp_path / "plain", rank=4, lora_alpha=6)
    assert plain.scale == 1.5
    stabilised = random_adapter(
        initialised(llama()), tmp_path / "rs", rank=4, lora_alpha=6, use_rslora=True
    )
    assert stabilised.scale == 3.0


@pytest.mark.parametrize(
    ("settings", "told"),
    [
        ({"use_dora": True}, "use_dora"),
        ({"alpha_pattern": {"q_proj": 9}}, "alpha_pattern"),
        ({"init_lora_weights": "olora"}, "init_lora_weights"),
        ({"modules_to_save": ["lm_head"]}, "modules_to_save"),
        ({"of_a_later_release": 1}, "of_a_later_release"),
        ({"peft_type": "LOHA"}, "peft_type"),
    ],
)
def test_an_adapter_that_does_more_than_its_tensors_say_is_refused(
    tmp_path: Path, settings: dict[str, Any], told: str
) -> None:
    path = save_adapter(initialised(llama()), tmp_path) / CONFIGURATION
    path.write_text(json.dumps({**json.loads(path.read_text()), **settings}))
    with pytest.raises(ModelRefused, match=f"not plain LoRA, for it sets {told}"):
        Adapter.load(tmp_path)


@pytest.mark.parametrize("gone", [CONFIGURATION, WEIGHTS])
def test_what_is_not_there_whole_is_no_adapter_and_nothing_is_fetched(
    tmp_path: Path, gone: str
) -> None:
    save_adapter(initialised(llama()), tmp_path)
    (tmp_path / gone).unlink()
    with pytest.raises(ModelRefused, match="no LoRA adapter as peft saves one"):
        Adapter.load(tmp_path)


@pytest.mark.parametrize("told", ["{", "[]", "{}", '{"r": 0, "lora_alpha": 1}', '{"r": null}'])
def test_a_configuration_of_something_else_is_no_adapter(tmp_path: Path, told: str) -> None:
    save_adapter(initialised(llama()), tmp_path)
    (tmp_path / CONFIGURATION).write_text(told)
    with pytest.raises(ModelRefused, match="no LoRA adapter as peft saves one"):
        Adapter.load(tmp_path)


def test_an_adapter_that_does_not_fit_is_refused(tmp_path: Path, adapters: list[Adapter]) -> None:
    other = CausalModel(initialised(llama()))
    with pytest.raises(ModelRefused, match=r"does not fit the model, .*k_proj\.lora_B\.weight"):
        other.with_adapters(adapters)
    save_adapter(initialised(qwen3()), tmp_path)
    tensors = load_file(tmp_path / WEIGHTS)
    base = CausalModel(initialised(qwen3()))
    for name in list(tensors):
        lacking = {key: tensor for key, tensor in tensors.items() if key != name}
        save_file(lacking, tmp_path / WEIGHTS)
        with pytest.raises(ModelRefused, match="does not fit the model"):
            base.with_adapters([Adapter.load(tmp_path)])
    with pytest.raises(ModelRefused, match="0 ranks"):
        base.with_adapters([Adapter({}, 1.0)])
