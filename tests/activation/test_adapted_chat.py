"""A local model answers with the adapters that a prompt names, and with no trace of any other."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from torch import Tensor

from memos import ChatMessage, ChatPrompt, ModelUnavailable, PromptMemory, TokenUsage
from memos.activation.adapted_models import MOST_LOADED
from memos.activation.adapters import Adapter
from memos.activation.chat_model import LocalModel
from memos.activation.reader import KvReader
from memos.infrastructure.chat_models.adapting import AdapterServingModel
from memos.infrastructure.chat_models.port import PromptAdapter
from tests.activation.chat_models import chat_adapter, tiny_chat_model
from tests.activation.dict_pool import DictPool

SEAL = b"seal of the memories"


def prompt(*adapters: PromptAdapter, memories: Sequence[str] = ("one", "two")) -> ChatPrompt:
    pinned = tuple(PromptMemory(text, 1, f"{text}\n", text.encode()) for text in memories)
    return ChatPrompt(
        owner="v/acme",
        opening="Be.\n",
        pinned=pinned,
        closing="",
        messages=(ChatMessage("user", "Lamp?"),),
        max_tokens=8,
        adapters=adapters,
    )


def kept(model: LocalModel, adapter: Adapter, seal: bytes = SEAL) -> PromptAdapter:
    return PromptAdapter(model.keep_adapter(adapter.files(), seal).sha256, seal)


def answered(model: LocalModel, asked: ChatPrompt) -> tuple[str, TokenUsage]:
    *pieces, usage = model.stream(asked)
    assert isinstance(usage, TokenUsage)
    return "".join(map(str, pieces)), usage


def cold(model: LocalModel, asked: ChatPrompt, *adapters: Adapter) -> str:
    """What a model with these adapters answers that has never computed anything."""
    reader = KvReader(model._model, DictPool(), adapted=model._model.with_adapters(adapters))
    (ids,) = reader.answer(model.tokens(asked), asked.max_tokens).token_ids
    return model._tokenizer.text(ids)


@pytest.fixture(scope="module")
def adapters(tmp_path_factory: pytest.TempPathFactory) -> list[Adapter]:
    directory = tmp_path_factory.mktemp("adapters")
    return [chat_adapter(directory / str(seed), seed) for seed in range(1, 4)]


@pytest.fixture
def model(tmp_path: Path) -> LocalModel:
    return tiny_chat_model(tmp_path)


def test_a_prompt_that_names_an_adapter_is_answered_with_it_and_others_without(
    model: LocalModel, adapters: list[Adapter]
) -> None:
    assert isinstance(model, AdapterServingModel)
    named = [kept(model, adapter) for adapter in adapters]
    plain = prompt()
    texts = {}
    for adapter, name in zip(adapters, named, strict=True):
        asked = prompt(name)
        for _ in range(2):  # the second one reads the cache
            texts[name.sha256], usage = answered(model, asked)
            assert texts[name.sha256] == cold(model, plain, adapter)
        assert usage.cached_tokens
    texts[b""] = answered(model, plain)[0]
    assert texts[b""] == cold(model, plain)
    assert len(set(texts.values())) == 4


def test_adapters_answer_together_in_whatever_order_they_are_named(
    model: LocalModel, adapters: list[Adapter]
) -> None:
    one, two, _ = (kept(model, adapter) for adapter in adapters)
    text, _ = answered(model, prompt(one, two))
    again, _ = answered(model, prompt(two, one, two))
    assert len(model._adapted._loaded) == 1
    assert text == again == cold(model, prompt(), *adapters[:2])
    assert text not in {answered(model, prompt(one))[0], answered(model, prompt(two))[0]}


def test_what_was_computed_of_memories_is_read_whatever_adapters_answer(
    model: LocalModel, adapters: list[Adapter]
) -> None:
    one, two, _ = (kept(model, adapter) for adapter in adapters)
    _, first = answered(model, prompt(one))
    assert first.cached_tokens == 0
    whole = model.prefill(prompt())
    assert whole.computed_tokens == 0
    assert model.prefill(prompt(one, two)).keys == whole.keys
    for asked in (prompt(), prompt(two), prompt(one, two)):
        assert answered(model, asked)[1].cached_tokens == whole.tokens


def test_an_adapter_that_is_not_there_is_told_and_never_left_out(
    model: LocalModel, adapters: list[Adapter]
) -> None:
    there = kept(model, adapters[0])
    missing = PromptAdapter(bytes(range(32)), SEAL)
    for named in (missing, replace(there, seal=b"another seal")):
        assert not model.has_adapter(named)
        with pytest.raises(ModelUnavailable, match=named.sha256.hex()[:16]):
            list(model.stream(prompt(there, named)))
    assert model.has_adapter(there)


def test_what_was_forgotten_answers_no_more_alone_or_with_others(
    model: LocalModel, adapters: list[Adapter]
) -> None:
    one, two, _ = (kept(model, adapter) for adapter in adapters)
    sets = [(one,), (two,), (one, two)]
    before = [answered(model, prompt(*some))[0] for some in sets]
    assert model.forget_adapters([one.sha256, bytes(32)]) == 1
    assert not model.has_adapter(one)
    for some in (sets[0], sets[2]):
        with pytest.raises(ModelUnavailable, match=one.sha256.hex()[:16]):
            list(model.stream(prompt(*some)))
    assert answered(model, prompt(two))[0] == before[1]
    kept(model, adapters[0])
    assert [answered(model, prompt(*some))[0] for some in sets] == before


def test_an_answer_whose_adapter_is_forgotten_meanwhile_comes_to_its_end(
    model: LocalModel, adapters: list[Adapter]
) -> None:
    one = kept(model, adapters[0])
    whole = answered(model, prompt(one))[0]
    with closing(model.stream(prompt(one))) as stream:
        pieces = [next(stream)]
        model.forget_adapters([one.sha256])
        answered(model, prompt())
        pieces += [piece for piece in stream if isinstance(piece, str)]
    assert "".join(map(str, pieces)) == whole


def test_more_sets_than_stay_loaded_are_answered_alike(
    model: LocalModel, adapters: list[Adapter]
) -> None:
    scaled = [replace(adapters[0], tensors=_scaled(adapters[0], n)) for n in range(MOST_LOADED + 3)]
    named = [kept(model, adapter) for adapter in scaled]
    first = [answered(model, prompt(each))[0] for each in named]
    assert [answered(model, prompt(each))[0] for each in named] == first
    assert len(model._adapted._loaded) == MOST_LOADED


def _scaled(adapter: Adapter, number: int) -> dict[str, Tensor]:
    return {name: tensor * (1 + number / 8) for name, tensor in adapter.tensors.items()}


def test_chats_side_by_side_with_other_adapters_are_answered_as_one_by_one(
    model: LocalModel, adapters: list[Adapter]
) -> None:
    one, two, three = (kept(model, adapter) for adapter in adapters)
    sets = [(), (one,), (two,), (three,), (one, two), (one, three), (one, two, three)]
    wanted = {named: answered(tiny_with(model), prompt(*named))[0] for named in sets}
    with ThreadPoolExecutor(8) as threads:
        asked = [(named, threads.submit(answered, model, prompt(*named))) for named in sets * 6]
        assert all(each.result()[0] == wanted[named] for named, each in asked)


def tiny_with(model: LocalModel) -> LocalModel:
    """The same, with nothing computed."""
    return LocalModel(model._model, model._tokenizer, name="cold", adapters=model._adapters)
