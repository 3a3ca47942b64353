from __future__ import annotations

import math
import random
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from memos.infrastructure.index.port import Ints, Nearest, SpanChange, View
from memos.language.analysis import speaker_term
from memos.language.analyzer import Analyzer
from memos.language.indexed_text import ASSISTANT, QUESTION, IndexedText, Place, Validity
from memos.language.port import Request, Window
from memos.operation.search import dense
from memos.operation.search.dense import Floats
from memos.operation.search.query import analyse_query
from memos.operation.search.question import Question
from memos.operation.search.ranked import Ranking
from memos.operation.search.ranking import LexicalQuery, rank
from memos.operation.search.recipe import BM25, HYBRID, LEXICAL
from tests.infrastructure.index.sqlite.support import Vault, cube_id

ANALYZER = Analyzer(bytes(32))
WORDS = ["pottery", "sweden", "dog", "river", "lantern", "copper", "violin", "harvest"]


def by_words(view: View, query: str) -> Ranking:
    """Each text for itself."""
    return rank(view, LexicalQuery(ANALYZER.query_terms(query), frozenset()), BM25)


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
        ranking = by_words(view, query)
        found = list(ranking.best_first())
        cubes = view.cube_ids(np.array([row for row, _ in found], np.int64))
        return [
            (int.from_bytes(cube, "big"), score)
            for cube, (_, score) in zip(cubes, found, strict=True)
        ]


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
        assert found == sorted(found, key=lambda hit: (-hit[1], -hit[0]))


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
    view = whole.vault.index.view("acme")
    restricted = by_words(view.restrict(np.arange(40) % 2 == 0), "dog river lantern")
    expected = by_words(even.vault.index.view("acme"), "dog river lantern")
    assert restricted.rows.tolist() == expected.rows.tolist()
    assert restricted.scores.tobytes() == expected.scores.tobytes()


def test_of_equal_scores_the_newer_comes_first(tmp_path: Path) -> None:
    memories = Memories(tmp_path / "vault.db", [("acme/a", "a dog")] * 20)
    found = memories.search("dog")
    assert [cube for cube, _ in found] == list(range(20))[::-1]
    assert len({score for _, score in found}) == 1


def test_the_best_come_first_however_many_there_are_and_however_they_decay(tmp_path: Path) -> None:
    memories = Memories(tmp_path / "vault.db", [("acme/a", text) for text in generated(6000)])
    view = memories.vault.index.view("acme")
    ranking = by_words(view, "dog river lantern")
    decays = {row: 0.5 for row in ranking.rows.tolist() if row % 3 == 0}
    for each in ({}, decays):
        pairs = zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True)
        by_score = sorted(pairs, key=lambda pair: (-pair[1], -pair[0]))
        decayed = [(row, score * each.get(row, 1.0)) for row, score in by_score]
        assert list(ranking.best_first(each)) == sorted(decayed, key=lambda pair: -pair[1])
    assert len(ranking.rows) > 2000, "enough for several groups"


def test_a_ranking_is_the_same_to_the_bit_whoever_asks(tmp_path: Path) -> None:
    memories = Memories(tmp_path / "vault.db", [("acme/a", text) for text in generated(300)])
    rankings = [
        by_words(index.view("acme"), "dog river lantern copper")
        for index in (memories.vault.index, memories.vault.open())
    ]
    assert len({(r.rows.tobytes(), r.scores.tobytes()) for r in rankings}) == 1


def test_an_explanation_sums_to_the_score(tmp_path: Path) -> None:
    memories = Memories(tmp_path / "vault.db", [("acme/a", text) for text in generated(50)])
    ranking = by_words(memories.vault.index.view("acme"), "rivers dog violin")
    for row, score in zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True):
        terms = next(ranking.explain([row]))["terms"]
        assert isinstance(terms, list)
        assert math.fsum(term["score"] for term in terms) == pytest.approx(score)
        assert {term["term"] for term in terms} <= {"rivers", "dog", "violin"}


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
    scores = by_words(view, "dog").scores
    assert scores[0] == scores[1]


def spoken(vault: Vault, *turns: tuple[str, int, int, int]) -> View:
    """Turns (text, session, speaker, traits) of one scope, in order."""
    vault.apply(
        *(
            SpanChange(
                cube_id(n), "acme", n, 1, 1, 0,
                IndexedText(*ANALYZER.index_terms(text)[:2], Place(session, n, speaker, traits)),
            )
            for n, (text, session, speaker, traits) in enumerate(turns)
        )
    )  # fmt: skip
    return vault.index.view("acme")


def in_order(view: View, query: str, *, names: frozenset[int] = frozenset()) -> list[int]:
    asked = LexicalQuery(ANALYZER.query_terms(query), names)
    return [row for row, _ in rank(view, asked, LEXICAL).best_first()]


def test_a_reply_is_found_by_what_its_question_asked(tmp_path: Path) -> None:
    turns = [
        ("Which violin did you buy?", 1, 7, QUESTION),
        ("The copper one.", 1, 8, 0),
        ("The copper one.", 2, 8, 0),
    ]
    found = in_order(spoken(Vault(tmp_path / "vault.db"), *turns), "violin")
    assert found == [1, 0], "the answer first, its question next, and not the other session's"


def test_a_question_lends_more_to_its_answer_than_to_its_own_next_sentence(tmp_path: Path) -> None:
    turns = [
        ("Which violin did you buy?", 1, 7, QUESTION),
        ("Answered by another speaker.", 1, 8, 0),
        ("Which violin did you buy?", 2, 7, QUESTION),
        ("Followed by the same speaker.", 2, 7, 0),
    ]
    view = spoken(Vault(tmp_path / "vault.db"), *turns)
    ranking = rank(view, LexicalQuery(ANALYZER.query_terms("violin"), frozenset()), LEXICAL)
    scores = dict(zip(ranking.rows.tolist(), ranking.scores.tolist(), strict=True))
    assert scores[1] > scores[3] > 0


def test_context_ends_with_the_session(tmp_path: Path) -> None:
    turns = [("A violin.", 1, 7, 0), ("Nothing of it.", 2, 7, 0), ("Nor here.", 2, 8, 0)]
    assert in_order(spoken(Vault(tmp_path / "vault.db"), *turns), "violin") == [0]


def test_a_neighbour_lends_words_that_a_turn_lacks_and_never_counts_twice(tmp_path: Path) -> None:
    turns = [("A violin.", 1, 7, 0), ("A violin.", 1, 8, 0), ("A violin.", 2, 7, 0)]
    view = spoken(Vault(tmp_path / "vault.db"), *turns)
    ranking = rank(view, LexicalQuery(ANALYZER.query_terms("violin"), frozenset()), LEXICAL)
    assert len({float(score) for term in ranking.words.terms for score in term.lent}) == 1


def test_a_named_speaker_comes_first_where_both_say_the_same(tmp_path: Path) -> None:
    turns = [("A river.", 1, 7, 0), ("A river.", 2, 8, 0)]
    view = spoken(Vault(tmp_path / "vault.db"), *turns)
    assert in_order(view, "river", names=frozenset({8})) == [1, 0]
    assert in_order(view, "river", names=frozenset({7, 8})) == [1, 0], "of equals the newer"


def test_an_assistant_counts_less_and_is_never_dropped(tmp_path: Path) -> None:
    turns = [("A lantern.", 1, 7, ASSISTANT), ("A lantern.", 2, 8, 0)]
    view = spoken(Vault(tmp_path / "vault.db"), *turns)
    assert in_order(view, "lantern") == [1, 0]
    asked = LexicalQuery(ANALYZER.query_terms("lantern"), frozenset(), Request(asks_assistant=True))
    assert rank(view, asked, LEXICAL).rows.tolist() == [0, 1]


def test_turns_stand_in_their_order_not_in_that_of_their_last_change(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "vault.db")
    turns = [("A river.", 1, 7, 0), ("Middle.", 1, 8, 0), ("End.", 1, 7, 0), ("Last.", 1, 8, 0)]
    spoken(vault, *turns)
    changed = IndexedText(*ANALYZER.index_terms("A violin.")[:2], Place(1, 0, 7, 0))
    vault.apply(SpanChange(cube_id(0), "acme", 9, 2, 1, 0, changed))
    view = vault.index.view("acme")
    found = [
        int.from_bytes(cube, "big") for cube in view.cube_ids(np.array(in_order(view, "violin")))
    ]
    assert found == [0, 1, 2]


def test_a_speaker_whose_name_is_written_in_two_ways_is_one(tmp_path: Path) -> None:
    asked = analyse_query(ANALYZER, "Łukasz violin")
    both = [speaker_term(ANALYZER, name) for name in ("Lukasz", "Łukasz Nowak")]
    turns = [("A violin.", 1, both[0], 0), ("A violin.", 2, 8, 0), ("A violin.", 3, both[1], 0)]
    ranking = rank(spoken(Vault(tmp_path / "vault.db"), *turns), asked, LEXICAL)
    assert [row for row, _ in ranking.best_first()] == [2, 0, 1]
    assert ranking.words.factors["speaker"].tolist() == [1.5, 1.0, 1.5]


def test_what_a_lift_alone_brings_up_is_compared_exactly(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "CONTENDERS", 2)
    asked = analyse_query(ANALYZER, "Can you plan a trip?")
    always = {**ANALYZER.index_terms("Put prices in euro.").terms, asked.standing[0]: 0}
    later = Validity(10**15, 10**15 + 1)
    texts = [ANALYZER.index_terms("A river.")._replace(validity=later)] * 20
    texts[4] = IndexedText(always, 3, validity=later)
    texts[7] = texts[7]._replace(validity=Validity(500, 600))
    vault = Vault(tmp_path / "vault.db")
    vault.apply(*(SpanChange(cube_id(n), "acme", n, 1, 1, 0, text) for n, text in enumerate(texts)))
    view = vault.index.view("acme")
    true = np.linspace(0.1, 0.9, 20)

    def exactly(columns: Ints) -> tuple[Floats, Floats]:
        return true[None, columns], true[None, columns]

    estimates = true[None] + 0.001
    nearest = Nearest(view.doc, estimates, estimates, complete=True, exactly=exactly)
    near = dense.dense_of("model", view.doc, nearest, np.zeros(20, np.int64))
    asked = asked._replace(question=Question(windows=(Window(500, 600, "then"),)))
    fused = rank(view, asked, replace(HYBRID, window=9.0, instructs_lift=8.0), near).fused
    assert fused is not None
    is_exact = np.abs(fused.dense.near - true) < 5e-4
    assert np.flatnonzero(is_exact).tolist() == [4, 7, 18, 19]
