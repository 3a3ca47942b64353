from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.supersession import Asked, ask, main, report, write
from benchmarks.supersession_cases import Case, Question, answer, cases
from benchmarks.supersession_kinds import KINDS, Fact
from memos import Memory

OLD, NEW = datetime(2020, 1, 1, tzinfo=UTC), datetime(2021, 1, 1, tzinfo=UTC)


def test_the_same_cases_come_each_time() -> None:
    assert list(cases()) == list(cases())


def test_there_are_several_hundred_cases_and_as_many_of_each_kind() -> None:
    kinds = Counter(case.kind for case in cases())
    assert kinds.keys() == KINDS.keys()
    assert len(set(kinds.values())) == 1
    assert kinds.total() >= 500


def test_the_expected_fact_stands_once_among_those_told() -> None:
    for case in cases():
        for question in case.questions:
            told = [fact.text for fact in case.facts]
            assert told.count(question.expected) == 1, (case.name, question)


def test_every_case_asks_for_the_current_value_and_others_ask_for_another() -> None:
    for case in cases():
        expected = {question.about: question.expected for question in case.questions}
        current = expected.pop("current")
        assert current not in expected.values(), case.name


def test_no_template_is_left_unfilled() -> None:
    for case in cases():
        for text in (*(f.text for f in case.facts), *(q.text for q in case.questions)):
            assert not set("{}") & set(text)
            assert "  " not in text


def test_an_as_of_question_knows_its_answer() -> None:
    for case in cases():
        for question in case.questions:
            if question.about == "as_of":
                assert question.expected in [f.text for f in case.facts[: question.known]]


def test_a_fact_heard_late_does_not_become_the_current_one() -> None:
    facts = [Fact("new", NEW, "s"), Fact("old", OLD, "s")]
    now, then = answer(facts, "s"), answer(facts, "s", OLD)
    assert now is not None
    assert then is not None
    assert (now.text, then.text) == ("new", "old")


def test_of_two_facts_that_began_together_the_correction_holds() -> None:
    right = answer([Fact("wrong", OLD, "s"), Fact("right", OLD, "s")], "s")
    assert right is not None
    assert right.text == "right"


def test_another_slot_answers_nothing() -> None:
    assert answer([Fact("new", NEW, "other")], "s") is None


def test_facts_are_told_in_log_order_with_their_valid_time(tmp_path: Path) -> None:
    facts = (
        Fact("Mara lives in Graz.", NEW, "asked"),
        Fact("I lived in Cork.", OLD, "asked", via="turn", speaker="Mara"),
        Fact("Mara lives in Ghent.", NEW, "asked", via="update", of=0),
    )
    case = Case("trial", "trial", facts, ())
    with Memory(tmp_path / "vault") as memory:
        receipts = write(memory, case)
        told = [memory.get(receipt.cube_id) for receipt in receipts]
        asked = Question("current", "Where does Mara live?", "Mara lives in Ghent.")
        before = Question("as_of", "Where does Mara live?", "Mara lives in Graz.", known=1)
        assert ask(memory, case, asked, receipts, {}).found
        assert ask(memory, case, before, receipts, {}).rank == 1
    assert receipts[0].cube_id == receipts[2].cube_id
    assert receipts[0].position.offset < receipts[1].position.offset < receipts[2].position.offset
    assert [cube.valid_from for cube in told] == [NEW, OLD, NEW]  # type: ignore[union-attr]


def test_a_share_counts_first_ranks_only() -> None:
    found = [Asked("a", "late", "current", 1, True), Asked("b", "late", "current", 2, True)]
    figures = report(found, [0.001, 0.002]).figures
    assert figures["current first late"] == figures["current first all"] == 0.5
    assert figures["current found all"] == 1.0
    assert "as_of first all" not in figures


def test_the_program_asks_every_kind(tmp_path: Path) -> None:
    kept = tmp_path / "kept.json"
    assert main(["--per-kind", "1", "--json", str(kept)]) == 0
    found = json.loads(kept.read_text())
    assert {row["kind"] for row in found["questions"]} == set(KINDS)
    assert found["figures"]["current first added"] in (0.0, 1.0)
