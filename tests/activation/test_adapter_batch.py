"""Each prompt of a batch is answered with its own adapters, as if it had been asked alone."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from memos import ChatMessage, ChatPrompt, InvalidInput, ModelUnavailable
from memos.activation.adapters import Adapter
from memos.activation.chat_model import LocalModel
from memos.infrastructure.chat_models.port import PromptAdapter
from tests.activation.chat_models import chat_adapter, tiny_chat_model
from tests.activation.test_adapted_chat import answered, kept, prompt


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> list[Adapter]:
    """Two of several ranks, and one of some layers only."""
    directory = tmp_path_factory.mktemp("adapters")
    return [
        chat_adapter(directory / "one"),
        chat_adapter(directory / "two", 2, rank=2),
        chat_adapter(directory / "three", 3, target_modules=["q_proj", "down_proj"]),
    ]


@pytest.fixture
def model(tmp_path: Path) -> LocalModel:
    return tiny_chat_model(tmp_path)


def prompts(named: list[PromptAdapter]) -> list[ChatPrompt]:
    """Of several lengths; rows of one set stand apart, and two have no adapter."""
    one, two, three = named
    sets = [(one,), (), (two,), (two, one), (three,), (one,), (), (one, two, three)]
    return [
        replace(prompt(*some), messages=(ChatMessage("user", "Lamp? " * (number + 1)),))
        for number, some in enumerate(sets)
    ]


def test_each_prompt_of_a_batch_is_answered_as_alone(
    model: LocalModel, adapters: list[Adapter]
) -> None:
    asked = prompts([kept(model, adapter) for adapter in adapters])
    asked += [replace(each, pinned=each.pinned[:1]) for each in asked[:3]]
    batch = model.batch([each.adapters for each in asked])
    answers = batch.answer(asked)
    assert answers == [model.batch([each.adapters]).answer([each])[0] for each in asked]
    assert [model._tokenizer.text(ids) for ids in answers] == [
        answered(model, each)[0] for each in asked
    ]
    assert batch.answer([]) == []


def test_logits_of_a_row_are_those_of_its_adapter_alone(
    model: LocalModel, adapters: list[Adapter]
) -> None:
    rows = [[300 - number, *range(40, 50 + number)] for number in range(50, 58)]
    numbers = [0, None, 2, 1, 0, None, 1, 2]
    mixed = model._model.with_adapters(adapters)
    with mixed.by_row(numbers):
        cache, first = mixed.start((), rows, 1)
        second = mixed.step(cache, torch.full((8,), 65))
    base, base_logits = model._model, model._model.start((), rows)[1]
    for place, (row, number) in enumerate(zip(rows, numbers, strict=True)):
        alone = base if number is None else base.with_adapters([adapters[number]])
        cache, logits = alone.start((), [row], 1)
        assert (logits[0] - first[place]).abs().max() <= 1e-5
        assert (alone.step(cache, torch.tensor([65]))[0] - second[place]).abs().max() <= 1e-5
        assert (number is None) == ((base_logits[place] - first[place]).abs().max() <= 1e-5)


def test_batches_side_by_side_keep_their_rows(model: LocalModel, adapters: list[Adapter]) -> None:
    asked = prompts([kept(model, adapter) for adapter in adapters])
    batch = model.batch([each.adapters for each in asked])
    wanted = batch.answer(asked)
    assert len(set(wanted)) > 3
    with ThreadPoolExecutor(4) as threads:
        there = [threads.submit(batch.answer, asked) for _ in range(4)]
        back = [threads.submit(batch.answer, asked[::-1]) for _ in range(4)]
        assert all(each.result() == wanted for each in there)
        assert all(each.result() == wanted[::-1] for each in back)


def test_an_answer_has_at_most_the_tokens_of_its_own_prompt(
    model: LocalModel, adapters: list[Adapter]
) -> None:
    one = kept(model, adapters[0])
    asked = [replace(prompt(one), max_tokens=most) for most in (1, 8, 3)]
    told = model.batch([(one,)]).answer(asked)
    assert [len(ids) for ids in told] == [1, 8, 3]


def test_a_batch_answers_with_no_adapter_that_is_not_loaded_or_was_forgotten(
    model: LocalModel, adapters: list[Adapter]
) -> None:
    one, two, _ = (kept(model, adapter) for adapter in adapters)
    batch = model.batch([(one,)])
    for unloaded in (prompt(two), prompt(one, two)):
        with pytest.raises(InvalidInput, match="not loaded together"):
            batch.answer([prompt(one), unloaded])
    model.forget_adapters([one.sha256])
    with pytest.raises(ModelUnavailable, match=one.sha256.hex()[:16]):
        batch.answer([prompt(one)])
    with pytest.raises(ModelUnavailable, match=one.sha256.hex()[:16]):
        model.batch([(one,)])
