from __future__ import annotations

import math
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from memos.infrastructure.index.port import SpanChange
from memos.operation.analysis import Analyzer
from memos.operation.bm25 import rank
from tests.infrastructure.index.support import Vault, cube_id

ANALYZER = Analyzer(bytes(32))
WORDS = ["pottery", "sweden", "dog", "river", "lantern", "copper", "violin", "harvest"]


class Memories:
    """Texts in a vault's index, one cube each, cube n at offset n."""

    def __init__(self, path: Path, texts: list[tuple[str, str]]) -> None:
        self.vault = Vault(path)
        self.vault.apply(
            *(
                SpanChange(cube_id(n), scope, n, 1, 1, 0, ANALYZER.index_terms(text))
                for n, (scope, text) in enumerate(texts)
            )
        )

    def search(
        self, query: str, scope: str = "acme", offset: int | None = None
    ) -> list[tuple[int, float]]:
        view = self.vault.index.view(scope, offset)
        ranking = rank(view, ANALYZER.query_terms(query))
        cubes = [int.from_bytes(cube, "big") for cube in view.cube_ids(ranking.rows)]
        return list(zip(cubes, ranking.scores.tolist(), strict=True))


def generated(count: int, seed: int = 1) -> list[str]:
    chance = random.Random(seed)
    return [" ".join(chance.choices(WORDS, k=chance.randint(1, 12))) for _ in range(count)]


def by_the_book(texts: dict[int, str], query: str) -> dict[int, float]:
    """BM25 as its definition reads, over texts of words that are their own stems or nearly."""
    docs = {n: Counter(text.split()) for n, text in texts.items()}
    average = sum(doc.total() for doc in docs.values()) / len(docs)
    scores: dict[int, float] = {}
    for word, qtf in Counter(query.split()).items():
        df = sum(word in doc for doc in docs.values())
        idf = math.log(1 + (len(docs) - df + 0.5) / (df + 0.5))
        for n, doc in docs.items():
            if doc[word]:
                norm = 1.2 * (0.25 + 0.75 * doc.total() / average)
                score = qtf * idf * doc[word] * 2.2 / (doc[word] + norm)
                scores[n] = scores.get(n, 0.0) + score
    return scores


@pytest.mark.parametrize("query", ["pottery", "dog river river copper", "violin unknown"])
def test_scores_are_those_of_the_definition_at_every_position(tmp_path: Path, query: str) -> None:
    texts = generated(60)
    memories = Memories(tmp_path / "vault.db", [("acme/a", text) for text in texts])
    for offset in (0, 17, 59):
        visible = dict(enumerate(texts[: offset + 1]))
        expected = by_the_book(visible, query)
        found = memories.search(query, offset=offset)
        assert dict(found) == pytest.approx(expected)
        assert found == sorted(found, key=lambda hit: (-hit[1], hit[0]))


def test_a_score_tells_nothing_of_what_lies_outside_the_scope(tmp_path: Path) -> None:
    texts = generated(30)
    alone = Memories(tmp_path / "alone.db", [("acme/a", text) for text in texts])
    crowd = [("acme/a", text) for text in texts]
    crowd += [(scope, text) for scope in ("acme/b", "acme2/a") for text in generated(50, seed=2)]
    amid = Memories(tmp_path / "amid.db", crowd)
    assert amid.search("dog river", scope="acme/a") == alone.search("dog river", scope="acme/a")
    assert amid.search("dog river", scope="acme") != alone.search("dog river", scope="acme")


def test_a_score_tells_nothing_of_the_rows_that_the_caller_may_not_read(tmp_path: Path) -> None:
    texts = generated(40)
    whole = Memories(tmp_path / "whole.db", [("acme/a", text) for text in texts])
    even = Memories(tmp_path / "even.db", [("acme/a", text) for text in texts[::2]])
    query = ANALYZER.query_terms("dog river lantern")
    view = whole.vault.index.view("acme")
    restricted = rank(view.restrict(np.arange(40) % 2 == 0), query)
    expected = rank(even.vault.index.view("acme"), query)
    assert restricted.rows.tolist() == expected.rows.tolist()
    assert restricted.scores.tobytes() == expected.scores.tobytes()


def test_equal_scores_come_in_order_of_age(tmp_path: Path) -> None:
    memories = Memories(tmp_path / "vault.db", [("acme/a", "a dog")] * 20)
    found = memories.search("dog")
    assert [cube for cube, _ in found] == list(range(20))
    assert len({score for _, score in found}) == 1


def test_a_ranking_is_the_same_to_the_bit_whoever_asks(tmp_path: Path) -> None:
    memories = Memories(tmp_path / "vault.db", [("acme/a", text) for text in generated(300)])
    query = ANALYZER.query_terms("dog river lantern copper")
    rankings = [
        rank(index.view("acme"), query) for index in (memories.vault.index, memories.vault.open())
    ]
    assert len({(r.rows.tobytes(), r.scores.tobytes()) for r in rankings}) == 1


def test_an_explanation_sums_to_the_score(tmp_path: Path) -> None:
    memories = Memories(tmp_path / "vault.db", [("acme/a", text) for text in generated(50)])
    ranking = rank(memories.vault.index.view("acme"), ANALYZER.query_terms("rivers dog violin"))
    for row, score in zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True):
        given = ranking.explain(row)
        assert math.fsum(term.contribution for term in given) == pytest.approx(score)
        assert {term.surface for term in given} <= {"rivers", "dog", "violin"}
        assert all(term.tf > 0 and term.df > 0 and term.idf > 0 for term in given)
    assert ranking.explain(-1) == []


def test_a_query_of_stop_words_alone_finds_texts_that_hold_them(tmp_path: Path) -> None:
    texts = [("acme", "To be, or not to be"), ("acme", "A dog"), ("acme", "It is to be seen")]
    memories = Memories(tmp_path / "vault.db", texts)
    assert {cube for cube, _ in memories.search("to be")} == {0, 2}
    assert memories.search("a")[0][0] == 1


def test_nothing_to_search_or_to_search_for_is_an_empty_ranking(tmp_path: Path) -> None:
    memories = Memories(tmp_path / "vault.db", [("acme", ""), ("acme", "a dog")])
    for query, scope in [("", "acme"), ("cat", "acme"), ("dog", "nowhere"), ("?", "acme")]:
        assert memories.search(query, scope) == []
    assert [cube for cube, _ in memories.search("dog")] == [1]


def test_terms_that_are_only_matched_count_for_nothing(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "vault.db")
    tag = ANALYZER.exact_term("tag", "home")
    dog = ANALYZER.index_terms("a dog")
    tagged = dog._replace(terms={**dog.terms, tag: 0})
    vault.apply(SpanChange(cube_id(1), "acme", 1, 1, 1, 0, tagged))
    vault.apply(SpanChange(cube_id(2), "acme", 2, 1, 1, 0, dog))
    view = vault.index.view("acme")
    rows, tf = view.postings(tag)
    assert (rows.tolist(), tf.tolist()) == ([0], [0])
    scores = rank(view, ANALYZER.query_terms("dog")).scores
    assert scores[0] == scores[1]
