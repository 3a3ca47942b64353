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


def test_rows_of_one_batch_have_adapters_of_their_own(
    model: LocalModel, adapters: list[Adapter]
) -> None:
    asked = prompts([kept(model, adapter) for adapter in adapters])
    batch = model.batch([each.adapters for each in asked])
    answers = batch.answer(asked)
    assert batch.texts(asked) == [answered(model, each)[0] for each in asked]
    for row, each in enumerate(asked):
        alone = model.batch([each.adapters]).answer([each])
        assert alone.token_ids == answers.token_ids[row : row + 1]
        apart = (alone.first_logits[0] - answers.first_logits[row]).abs().max()
        assert apart <= 1e-5
        base = model.batch([]).answer([replace(each, adapters=())])
        assert bool(each.adapters) != torch.equal(base.first_logits, alone.first_logits)


def test_batches_side_by_side_keep_their_rows(model: LocalModel, adapters: list[Adapter]) -> None:
    asked = prompts([kept(model, adapter) for adapter in adapters])
    batch = model.batch([each.adapters for each in asked])
    wanted = batch.texts(asked)
    assert len(set(wanted)) > 3
    with ThreadPoolExecutor(4) as threads:
        there = [threads.submit(batch.texts, asked) for _ in range(4)]
        back = [threads.submit(batch.texts, asked[::-1]) for _ in range(4)]
        assert all(each.result() == wanted for each in there)
        assert all(each.result() == wanted[::-1] for each in back)


def test_an_answer_has_at_most_the_tokens_of_its_own_prompt(
    model: LocalModel, adapters: list[Adapter]
) -> None:
    one = kept(model, adapters[0])
    asked = [replace(prompt(one), max_tokens=most) for most in (1, 8, 3)]
    told = model.batch([(one,)]).answer(asked).token_ids
    assert [len(ids) for ids in told] == [1, 8, 3]


def test_a_batch_answers_with_no_adapter_that_is_not_loaded_or_was_forgotten(
    model: LocalModel, adapters: list[Adapter]
) -> None:
    one, two, _ = (kept(model, adapter) for adapter in adapters)
    batch = model.batch([(one,)])
    for unloaded in (prompt(two), prompt(one, two)):
        with pytest.raises(InvalidInput, match="not loaded together"):
            batch.answer([prompt(one), unloaded])
    with pytest.raises(InvalidInput, match="without a prompt"):
        batch.answer([])
    model.forget_adapters([one.sha256])
    with pytest.raises(ModelUnavailable, match=one.sha256.hex()[:16]):
        batch.answer([prompt(one)])
    with pytest.raises(ModelUnavailable, match=one.sha256.hex()[:16]):
        model.batch([(one,)])
