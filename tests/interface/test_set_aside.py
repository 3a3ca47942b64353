"""A text that a model refuses holds up none of the others: it is set aside by name, and told of."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from memos import EmbeddingFailed, Hit, Memory, doctor
from memos.infrastructure.engine.embedded import dense
from memos.infrastructure.index.models.embedders.minilm import MiniLM
from tests.interface.embedder import HashingEmbedder

GOOD = ("She likes pottery.", "He sells pottery in Sweden.")
POISON = "This text about pottery is poison."


class Refusing(HashingEmbedder):
    """Refuses every batch that has the poison in it, as a tokenizer does, until it is cured."""

    def __init__(self, name: str = "refusing") -> None:
        super().__init__(name)
        self.cured = False

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        if not self.cured and any("poison" in text for text in texts):
            raise TypeError(f"cannot encode {texts}")
        return super().embed(texts)


@pytest.fixture
def embedder() -> Refusing:
    return Refusing()


@pytest.fixture
def memory(vault: Path, embedder: Refusing) -> Iterator[Memory]:
    with Memory(vault, actor="agent:alice", embedder=embedder) as opened:
        yield opened


def told(vault: Path) -> list[str]:
    return [finding.what for finding in doctor(vault) if finding.severity == "error"]


def embedded(hits: list[Hit]) -> dict[str, bool]:
    return {hit.text: bool(hit.explain["dense"]["embedded"]) for hit in hits}


def test_a_refused_text_is_set_aside_and_the_others_are_embedded(
    vault: Path, memory: Memory
) -> None:
    memory.add(GOOD[0], scope="acme")
    poison = memory.add(POISON, scope="acme")
    memory.add(GOOD[1], scope="acme")
    memory.embed_pending()
    lag = memory.embedding_lag()
    assert (lag.waiting, lag.set_aside, lag.failure) == (0, 1, "")
    found = embedded(memory.search("pottery", scope="acme"))
    assert found == {GOOD[0]: True, POISON: False, GOOD[1]: True}
    (finding,) = told(vault)
    assert f"memory {poison.cube_id}" in finding
    assert "refusing refuses" in finding
    assert "pottery" not in finding


def test_a_text_that_is_refused_alone_is_told_from_a_model_that_is_away(
    memory: Memory, embedder: Refusing
) -> None:
    memory.add(POISON, scope="acme")
    memory.embed_pending()
    assert memory.embedding_lag().set_aside == 1
    embedder.broken = True
    memory.add(GOOD[0], scope="acme")
    with pytest.raises(EmbeddingFailed, match="gone"):
        memory.embed_pending()
    assert (memory.embedding_lag().waiting, memory.embedding_lag().set_aside) == (1, 1)
    embedder.broken = False
    memory.embed_pending()
    assert (memory.embedding_lag().waiting, memory.embedding_lag().set_aside) == (0, 1)


def test_another_release_tries_again_what_was_set_aside(
    vault: Path, embedder: Refusing, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory(vault, actor="agent:alice", embedder=embedder) as memory:
        memory.add(POISON, scope="acme")
        memory.embed_pending()
    embedder.cured = True
    with Memory(vault, actor="agent:alice", embedder=embedder) as memory:
        memory.embed_pending()
        assert memory.embedding_lag().set_aside == 1
    monkeypatch.setattr(dense, "RELEASE", "9.9.9")
    with Memory(vault, actor="agent:alice", embedder=embedder) as memory:
        memory.embed_pending()
        assert memory.embedding_lag().set_aside == 0
        assert embedded(memory.search("pottery", scope="acme")) == {POISON: True}
    assert told(vault) == []


def test_a_rebuild_tries_again_and_sets_aside_what_is_still_refused(
    memory: Memory, embedder: Refusing
) -> None:
    memory.add(POISON, scope="acme")
    memory.add(GOOD[0], scope="acme")
    memory.embed_pending()
    memory.rebuild()
    memory.embed_pending()
    assert (memory.embedding_lag().waiting, memory.embedding_lag().set_aside) == (0, 1)
    embedder.cured = True
    memory.rebuild()
    memory.embed_pending()
    assert (memory.embedding_lag().waiting, memory.embedding_lag().set_aside) == (0, 0)


def test_an_erase_takes_the_name_of_what_was_set_aside(vault: Path, memory: Memory) -> None:
    made = memory.add(POISON, scope="acme")
    memory.embed_pending()
    assert memory.erase(cube_id=made.cube_id).gone
    assert memory.embedding_lag().set_aside == 0
    assert told(vault) == []


def test_an_audit_does_not_take_what_was_set_aside_for_damage(memory: Memory) -> None:
    memory.add(GOOD[0], scope="acme")
    memory.add(POISON, scope="acme")
    memory.embed_pending()
    assert memory.audit().ok


def test_what_the_caller_may_not_read_is_not_counted(vault: Path, embedder: Refusing) -> None:
    with Memory(vault, actor="agent:alice", embedder=embedder) as memory:
        memory.add(POISON, scope="acme", readers=["agent:alice"])
        memory.embed_pending()
    with Memory(vault, actor="agent:bob", tenant="acme", embedder=embedder) as memory:
        assert memory.embedding_lag().set_aside == 0


def test_half_a_surrogate_pair_is_embedded_as_a_question_mark(
    memory: Memory, embedder: Refusing
) -> None:
    memory.add("half a pair \ud83d of pottery", scope="acme")
    memory.embed_pending()
    assert memory.embedding_lag().set_aside == 0
    assert embedder.asked == ["half a pair ? of pottery"]
    (hit,) = memory.search("pottery \ud83d", scope="acme")
    assert hit.text == "half a pair \ud83d of pottery"


def test_the_models_of_memos_embed_half_a_surrogate_pair(vault: Path) -> None:
    with Memory(vault, actor="agent:alice", embedder=MiniLM()) as memory:
        memory.add("half a pair \ud83d of pottery", scope="acme")
        memory.add(GOOD[0], scope="acme")
        memory.embed_pending()
        lag = memory.embedding_lag()
        assert (lag.waiting, lag.set_aside, lag.failure) == (0, 0, "")
        assert len(memory.search("pottery \ud83d", scope="acme")) == 2
