"""The reranker from end to end: it reorders the best, and searches do without it where it fails."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from memos import InvalidInput, Memory, RerankEndpoint, RerankFailed
from memos.operation.search import recipe
from tests.interface.embedder import HashingEmbedder


class ByLength:
    """Prefers short texts; keeps what it was asked."""

    name = "by-length"
    digest = b"l" * 32

    def __init__(self) -> None:
        self.asked: list[list[str]] = []
        self.answer: npt.NDArray[np.float64] | None = None

    def score(self, query: str, texts: Sequence[str]) -> npt.NDArray[np.float64]:
        self.asked.append(list(texts))
        return (
            np.array([-len(text) for text in texts], float) if self.answer is None else self.answer
        )


TEXTS = ["pottery pottery in the old town", "pottery in town", "pottery", "a violin"]


@pytest.fixture
def reranker() -> ByLength:
    return ByLength()


@pytest.fixture
def memory(vault: Path, reranker: ByLength) -> Iterator[Memory]:
    with Memory(vault, actor="agent:alice", reranker=reranker) as opened:
        for text in TEXTS:
            opened.add(text, scope="acme")
        yield opened


def found(memory: Memory, name: str | None = "lexical+rerank", k: int = 10) -> list[str]:
    return [hit.text for hit in memory.search("pottery", scope="acme", k=k, recipe=name)]


def test_the_reranker_decides_the_order_of_the_best_and_says_what_it_gave(memory: Memory) -> None:
    hits = memory.search("pottery", scope="acme", recipe="lexical+rerank")
    assert [hit.text for hit in hits] == sorted(TEXTS[:3], key=len)
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    told = hits[0].explain["rerank"]
    assert (told["model"], told["score"]) == ("by-length", -7.0)
    assert told["before"]["rank"] == found(memory, "lexical").index("pottery") + 1
    assert hits.explain["recipe"].startswith("lexical+rerank@")


def test_it_is_off_unless_its_recipe_is_chosen(memory: Memory, reranker: ByLength) -> None:
    found(memory, None)
    found(memory, "lexical")
    assert reranker.asked == []


def test_only_the_best_are_read_and_the_others_follow(
    memory: Memory, reranker: ByLength, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = found(memory, "lexical")
    two = replace(recipe.LEXICAL_RERANK, rerank=2)
    monkeypatch.setitem(recipe.RECIPES, "lexical+rerank", two)
    hits = memory.search("pottery", scope="acme", recipe="lexical+rerank")
    assert [hit.text for hit in hits] == [*sorted(first[:2], key=len), first[2]]
    assert hits[1].score == hits[2].score  # the worst that was read stands where the next does
    assert "rerank" not in hits[2].explain
    assert [len(texts) for texts in reranker.asked] == [2]


def test_a_turn_is_read_with_its_speaker_and_picture(memory: Memory, reranker: ByLength) -> None:
    turns = [{"speaker": "Ana", "text": "My kiln came", "caption": "a red kiln"}]
    memory.add_conversation(turns, scope="acme/c", session="1")
    memory.search("kiln", scope="acme/c", recipe="lexical+rerank")
    assert reranker.asked == [["Ana: My kiln came [image: a red kiln]"]]


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (np.array([1.0]), "shape (1,), not (3,)"),
        (np.array([[1.0, 2.0, 3.0]]), "shape (1, 3), not (3,)"),
        (np.array([1.0, np.nan, 2.0]), "NaN"),
        (np.array([1.0, np.inf, 2.0]), "NaN or infinite"),
    ],
)
def test_a_bad_answer_leaves_the_ranking_before_it_and_every_result_says_why(
    memory: Memory, reranker: ByLength, answer: npt.NDArray[np.float64], reason: str
) -> None:
    reranker.answer = answer
    hits = memory.search("pottery", scope="acme", recipe="lexical+rerank")
    assert [hit.text for hit in hits] == found(memory, "lexical")
    assert reason in hits.explain["rerank"]["unavailable"]
    assert all(reason in hit.explain["rerank"]["unavailable"] for hit in hits)
    reranker.answer = None  # it is left alone for a while
    again = memory.search("pottery", scope="acme", recipe="lexical+rerank")
    assert reason in again.explain["rerank"]["unavailable"]
    assert len(reranker.asked) == 1


def test_an_endpoint_that_is_gone_costs_no_result(vault: Path) -> None:
    gone = RerankEndpoint("http://127.0.0.1:9/v1", "small", timeout=2)
    with Memory(vault, embedder=HashingEmbedder(), reranker=gone) as memory:
        memory.add("pottery", scope="acme")
        memory.embed_pending()
        hits = memory.search("pottery", scope="acme", recipe="hybrid+rerank")
    assert [hit.text for hit in hits] == ["pottery"]
    assert "cannot be reached" in hits.explain["rerank"]["unavailable"]


def test_the_current_memory_of_a_slot_stays_first(memory: Memory) -> None:
    memory.add("Renata lives in Quito.", scope="acme/r", valid_from="2020-01-01")
    memory.add(
        "Renata moved to Loja with all her many cats.", scope="acme/r", valid_from="2022-01-01"
    )
    hits = memory.search("Where does Renata live?", scope="acme/r", recipe="lexical+rerank")
    assert hits[0].text == "Renata moved to Loja with all her many cats."


def test_a_recipe_without_its_model_and_what_is_no_model_are_refused(vault: Path) -> None:
    with Memory(vault) as memory, pytest.raises(InvalidInput, match="needs a reranker"):
        memory.search("x", scope="acme", recipe="lexical+rerank")
    with pytest.raises(InvalidInput, match="a reranker has"):
        Memory(vault, reranker=7)  # type: ignore[arg-type]
    with pytest.raises(RerankFailed, match="no cross-encoder"):
        Memory(vault, reranker=vault)


def test_half_a_surrogate_pair_is_no_reason_to_do_without_the_reranker(
    memory: Memory, reranker: ByLength
) -> None:
    memory.add("pot \ud83d", scope="acme")
    memory.search("pot \ud83d", scope="acme", recipe="lexical+rerank")
    assert ["pot ?"] in reranker.asked
