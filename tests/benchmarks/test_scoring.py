from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from benchmarks import harness
from benchmarks.scoring import (
    Conversation,
    Judged,
    Question,
    Session,
    interval,
    judge,
    means,
    metrics,
)
from benchmarks.scoring_run import differing, finish, index_bytes, parser, report, run
from memos import Memory
from memos.infrastructure.engine.embedded.creation import DATABASE_FILE


def judged(conversation: str, ranks: tuple[int, ...], gold: int = 1) -> Judged:
    return Judged("q", conversation, "a", gold, ranks)


def test_recall_counts_the_share_of_the_gold_that_was_found() -> None:
    figures = metrics(judged("c", (2, 7), gold=4))
    assert [figures[f"recall@{k}"] for k in (1, 5, 10, 20)] == [0, 0.25, 0.5, 0.5]
    assert [figures[f"any@{k}"] for k in (1, 5, 10, 20)] == [0, 1, 1, 1]
    assert figures["all@20"] == 0
    assert figures["MRR"] == 0.5


def test_all_needs_every_gold_unit() -> None:
    figures = metrics(judged("c", (1, 6), gold=2))
    assert (figures["all@5"], figures["all@10"]) == (0, 1)


def test_a_question_of_which_nothing_was_found_scores_nothing() -> None:
    assert set(metrics(judged("c", ())).values()) == {0.0}


def test_a_unit_found_twice_takes_one_rank() -> None:
    question = Question("q", "?", "a", frozenset({"2", "3"}))
    assert judge("c", question, ["1", "1", "2", "1", "2", "3"]).ranks == (2, 3)


def test_means_are_over_questions_and_not_over_gold() -> None:
    several = [judged("c", (1,), gold=1), judged("c", (), gold=9)]
    assert means(several)["recall@1"] == 0.5


def test_the_interval_resamples_conversations_and_is_the_same_each_time() -> None:
    several = [judged("one", (1,))] * 3 + [judged("two", ())]
    assert interval(several) == interval(several) == (0.0, 1.0)
    equal = [judged("one", (1,)), judged("two", (1,))]
    assert interval(equal) == (1.0, 1.0)


def test_one_conversation_gives_no_interval() -> None:
    assert interval([judged("one", (1,)), judged("one", ())]) is None


def conversations() -> list[Conversation]:
    at = datetime(2024, 5, 1, 9, tzinfo=UTC)
    turns = [
        {"id": "1", "speaker": "Ada", "text": "The kiln broke on Monday."},
        {"id": "2", "speaker": "Ben", "text": "Order a new thermostat, then."},
    ]
    later = [{"id": "3", "speaker": "Ada", "text": "The thermostat came, the kiln is warm."}]
    asked = [
        Question("q0", "When did the kiln break?", "single", frozenset({"1"})),
        Question("q1", "What about the thermostat?", "multi", frozenset({"2", "3"})),
    ]
    other = [Session("1", None, [{"id": "1", "speaker": "Cy", "text": "The kiln is mine."}])]
    return [
        Conversation("a", [Session("1", at, turns), Session("2", at, later)], asked, 1),
        Conversation("b", other, [Question("q0", "Whose kiln?", "single", frozenset({"1"}))]),
    ]


def test_a_run_finds_turns_in_their_own_conversation_only() -> None:
    done = run(conversations(), "trial", "id", {}, "none")
    assert done.turns == 4
    assert [ids for ids, _ in done.found["b/q0"]] == ["1"]
    assert [one.gold for one in done.judged] == [1, 2, 1]
    assert means(done.judged)["recall@10"] == 1.0
    assert done.depth_matters == 0
    assert 0 < done.index_bytes < done.vault_bytes


def test_two_runs_are_equal_to_the_bit() -> None:
    one, other = (run(conversations(), "trial", "id", {}, "none") for _ in range(2))
    assert differing(one, other) == []
    assert one.digest == other.digest


def test_a_run_that_differs_names_the_question() -> None:
    one, other = (run(conversations(), "trial", "id", {}, "none") for _ in range(2))
    other.found["a/q1"] = ()
    assert differing(one, other) == ["a/q1"]


def test_a_report_has_a_figure_for_each_group_that_was_asked() -> None:
    told = report(
        run(conversations(), "trial", "id", {}, "none"), {"all": ["single", "multi"], "x": ["x"]}
    )
    assert told.figures["n all"] == 3
    assert told.figures["recall@10 all"] == 1.0
    assert "n x" not in told.figures
    assert json.dumps(told.figures)


def test_index_bytes_grow_with_what_is_indexed(tmp_path: Path) -> None:
    sizes = []
    for count in (1, 400):
        with Memory(tmp_path / str(count)) as memory:
            items = [{"text": f"word{n} fact{n}", "scope": "a/b"} for n in range(count)]
            memory.add_many(items)
        sizes.append(index_bytes(tmp_path / str(count) / DATABASE_FILE))
    assert 0 < sizes[0] < sizes[1]


def test_a_check_without_a_target_fails(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "kept.json"
    given = parser("trial", "A trial.").parse_args(["--check", "--json", str(kept)])
    assert finish("no-such", given, harness.Report(), [judged("c", (1,))], {}) == 1
    assert "nothing to check" in capsys.readouterr().out
    assert json.loads(kept.read_text())["questions"][0]["ranks"] == [1]
