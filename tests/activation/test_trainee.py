"""A copy of a model that learns: it begins as the model, leaves it as it is, and is told as peft tells adapters."""

from __future__ import annotations

import json

import torch

from memos.activation.adapters import Adapter
from memos.activation.identity import digest_of_weights
from memos.activation.trainee import Trainee
from tests.tiny_model.loaded import trained_model

PREFIX = [1, 3, 40, 41, 42, 2]
ROWS = [[1, 4, 50, 51], [1, 4], [60, 61, 62]]


def fresh(seed: int = 0) -> Trainee:
    return trained_model().trainee(rank=4, alpha=8.0, seed=seed)


def learnt() -> Trainee:
    trainee = fresh()
    with torch.no_grad():
        for parameter in trainee.parameters.values():
            parameter.add_(0.02)
    return trainee


def test_a_fresh_one_reads_as_the_model_does() -> None:
    model = trained_model()
    whole = model.read((), [[*PREFIX, *row] for row in ROWS])
    trainee = fresh()
    logits = trainee.logits(trainee.prefix(PREFIX), ROWS)
    for row, expected, found in zip(ROWS, whole, logits, strict=True):
        assert torch.allclose(
            expected[len(PREFIX) : len(PREFIX) + len(row)], found[: len(row)], atol=1e-4
        )


def test_gradients_reach_all_of_the_adapter_and_never_the_model() -> None:
    model = trained_model()
    marked = [each.requires_grad for each in model._model.parameters()]
    trainee = learnt()
    torch.autograd.backward(trainee.logits(trainee.prefix(PREFIX), ROWS).square().mean())
    gradients = [each.grad for each in trainee.parameters.values()]
    assert all(each is not None and bool(each.abs().sum() > 0) for each in gradients)
    assert not any(each.grad is not None for each in model._model.parameters())
    assert [each.requires_grad for each in model._model.parameters()] == marked
    assert digest_of_weights(model._model.state_dict()) == model.identity.weights


def test_its_matrices_depend_on_the_seed_alone() -> None:
    torch.manual_seed(1)
    first = fresh().adapter()
    torch.manual_seed(2)
    assert fresh().adapter().digest == first.digest
    assert fresh(seed=1).adapter().digest != first.digest


def test_it_goes_on_from_what_was_learnt() -> None:
    known = learnt().adapter()
    trainee = fresh()
    trainee.resume(known.tensors)
    assert trainee.adapter().digest == known.digest


def test_its_configuration_is_plain_lora_of_its_rank() -> None:
    told = json.loads(fresh().configuration)
    assert (told["r"], told["lora_alpha"], told["peft_type"]) == (4, 8.0, "LORA")
    assert Adapter({}, 2.0).scale == fresh().scale
    assert {each.rpartition(".")[2] for each in told["target_modules"]} == {
        *("gate_proj", "up_proj", "down_proj")
    }
