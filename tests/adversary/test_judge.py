"""The judge finds what it is there for: each broken promise, planted."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from memos import LogEntry, Position
from tests.adversary.judge import Judge, Verdict
from tests.adversary.moves import Attempt
from tests.adversary.oracle import Facts, Flow, Oracle

ALICE, BOB, EVE = "agent:alice", "agent:bob", "agent:eve"
SOURCE, DERIVED = "source", "derived"


@pytest.fixture
def oracle() -> Oracle:
    """Alice's source, which flowed into a memory of hers by a link; Bob is of the same tenant."""
    oracle = Oracle({ALICE: "acme", BOB: "acme", EVE: "rival"})
    for cube_id in (SOURCE, DERIVED):
        oracle.observe(Facts(cube_id, "acme", ALICE))
    oracle.derive(SOURCE, DERIVED, 1, is_link=True)
    oracle.words["zq1x"] = {SOURCE}
    return oracle


def entry(kind: str, cube_id: str) -> LogEntry:
    return LogEntry(
        event_id="event",
        kind=kind,
        cube_id=cube_id,
        version=2,
        scope="acme",
        actor=BOB,
        position=Position(0, 1),
        log_time=datetime.now(UTC),
        operation_id="operation",
        result="accepted",
        reason="",
    )


def judged(
    oracle: Oracle, attempt: Attempt, kind: str, now: Facts, ended: list[Flow] | None = None
) -> Verdict:
    verdict = Verdict()
    judge = Judge(oracle, verdict, attempt, {now.cube_id: now}, False, ended or [])
    judge.judge([entry(kind, now.cube_id)])
    return verdict


def attempted(actor: str, name: str, target: str = "") -> Attempt:
    return Attempt(actor, name, lambda: None, target=target)


@pytest.mark.parametrize(("actor", "allowed"), [(ALICE, True), (BOB, False)])
def test_a_link_is_taken_back_by_who_may_decide_over_the_memory(
    oracle: Oracle, actor: str, allowed: bool
) -> None:
    undo, now = attempted(actor, "rollback actor"), oracle.cubes[DERIVED]
    assert judged(oracle, undo, "RolledBack", now).ok
    assert judged(oracle, undo, "RolledBack", now, list(oracle.flows)).ok is allowed


def test_what_a_memory_was_made_of_is_taken_back_by_nobody(oracle: Oracle) -> None:
    oracle.flows.clear()
    oracle.derive(SOURCE, DERIVED, 1, is_link=False)
    undo, now = attempted(ALICE, "rollback actor"), oracle.cubes[DERIVED]
    assert judged(oracle, undo, "RolledBack", now, list(oracle.flows)).unauthorised


def test_a_stranger_changes_nothing(oracle: Oracle) -> None:
    for kind in ("Revised", "HeaderChanged", "Frozen", "Linked", "RolledBack"):
        assert judged(oracle, attempted(EVE, "update"), kind, oracle.cubes[SOURCE]).unauthorised


def test_an_erase_reaches_what_came_of_a_memory(oracle: Oracle) -> None:
    erase, gone = attempted(ALICE, "erase", SOURCE), Facts(SOURCE, "acme", ALICE, state="Erased")
    assert judged(oracle, erase, "Erased", gone).broken
    oracle.end(oracle.flows[0])
    assert judged(oracle, erase, "Erased", gone).ok


def test_an_erase_goes_on_from_the_content_that_something_flowed_into(oracle: Oracle) -> None:
    for cube_id in ("before", "after"):
        oracle.observe(Facts(cube_id, "acme", ALICE))
    oracle.flows.clear()
    oracle.derive(DERIVED, "before", 1, is_link=False)
    oracle.append(DERIVED)
    oracle.derive(SOURCE, DERIVED, 2, is_link=True)
    oracle.append(DERIVED)
    oracle.derive(DERIVED, "after", 1, is_link=False)
    assert oracle.holding({SOURCE}) == {SOURCE, DERIVED, "after"}
    oracle.replace(DERIVED)
    oracle.observe(Facts("since", "acme", ALICE))
    oracle.derive(DERIVED, "since", 1, is_link=False)
    assert "since" not in oracle.holding({SOURCE})


def test_who_may_not_read_a_memory_is_told_neither_its_id_nor_its_words(oracle: Oracle) -> None:
    for secret in (SOURCE, "zq1x"):
        assert oracle.is_hidden(EVE, secret)
        assert not oracle.is_hidden(BOB, secret)
    assert not oracle.is_hidden(EVE, "zq2x")
