"""Does the newest valid fact rank first, and do `as_of` and `valid_at` bring back the older one?

    python -m benchmarks.supersession [--recipe NAME] [--per-kind N] [--json FILE] [--check]

Generated cases (supersession_cases.py), each in a scope of its own, written through the public API
in the order of the log. A question counts where the first hit's text is the expected fact.
`valid_at` is asked where search takes it.
"""

from __future__ import annotations

import argparse
import inspect
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks import harness, scoring_run
from benchmarks.supersession_cases import PER_KIND, Case, Question, cases
from benchmarks.supersession_kinds import ASKED, Fact
from memos import Memory
from memos.operation.receipt import Receipt

ABOUT = ("current", "as_of", "valid_at")
LIMIT = 10


@dataclass(frozen=True)
class Asked:
    """Where the expected fact ranked, from 1; 0 where it is not among the first ten.

    `found` says whether the first hit is any fact of the slot asked for, current or not: where it
    is none, finding failed rather than supersession.
    """

    case: str
    kind: str
    about: str
    rank: int
    found: bool


def write(memory: Memory, case: Case) -> list[Receipt]:
    """Tell a case's facts in order; the receipt of each."""
    receipts: list[Receipt] = []
    for number, fact in enumerate(case.facts):
        receipts.append(_tell(memory, fact, number, scope_of(case), receipts))
    return receipts


def _tell(
    memory: Memory, fact: Fact, number: int, scope: str, receipts: Sequence[Receipt]
) -> Receipt:
    if fact.via == "update":
        return memory.update(receipts[fact.of].cube_id, fact.text, valid_from=fact.valid_from)
    if fact.via == "turn":
        turn = {"id": str(number), "speaker": fact.speaker, "text": fact.text}
        (receipt,) = memory.add_conversation(
            [turn], scope=scope, session=str(number), at=fact.valid_from
        )
        return receipt
    return memory.add(fact.text, scope=scope, valid_from=fact.valid_from)


def scope_of(case: Case) -> str:
    """The scope of a case."""
    return f"supersession/{case.name}"


def ask(
    memory: Memory,
    case: Case,
    question: Question,
    receipts: Sequence[Receipt],
    options: Mapping[str, Any],
) -> Asked:
    """Where the expected fact ranks."""
    moment: dict[str, Any] = {}
    if question.about == "as_of":
        moment["as_of"] = receipts[question.known - 1].position
    elif question.about == "valid_at":
        moment["valid_at"] = question.at
    hits = memory.search(question.text, scope=scope_of(case), k=LIMIT, **moment, **options)
    ranks = (rank for rank, hit in enumerate(hits, 1) if hit.text == question.expected)
    slot = {fact.text for fact in case.facts if fact.slot == ASKED}
    found = bool(hits) and hits[0].text in slot
    return Asked(case.name, case.kind, question.about, next(ranks, 0), found)


def run(asked: Iterable[Case], options: Mapping[str, Any]) -> tuple[list[Asked], list[float]]:
    """Write every case, then ask every question that search takes; the times of the searches."""
    supported = {name for name in ABOUT if name == "current"} | set(
        inspect.signature(Memory.search).parameters
    )
    found: list[Asked] = []
    times: list[float] = []
    with harness.workshop("supersession") as directory, Memory(directory / "vault") as memory:
        written = [(case, write(memory, case)) for case in asked]
        harness.progress(f"{len(written)} cases written")
        for case, receipts in written:
            for question in case.questions:
                if question.about in supported:
                    start = time.perf_counter()
                    found.append(ask(memory, case, question, receipts, options))
                    times.append(time.perf_counter() - start)
    return found, times


def report(found: Sequence[Asked], times: Sequence[float]) -> harness.Report:
    """The share of questions whose expected fact came first, by kind and for all."""
    told = harness.Report()
    for kind in (*dict.fromkeys(one.kind for one in found), "all"):
        row: dict[str, Any] = {"kind": kind}
        for about in ABOUT:
            those = [one for one in found if one.about == about and kind in (one.kind, "all")]
            row[f"n {about}"] = len(those)
            row[f"{about} first"] = row[f"{about} found"] = None
            if those:
                first = sum(one.rank == 1 for one in those) / len(those)
                slot = sum(one.found for one in those) / len(those)
                told.figures |= {f"{about} first {kind}": first, f"{about} found {kind}": slot}
                row[f"{about} first"], row[f"{about} found"] = f"{first:.3f}", f"{slot:.3f}"
        told.rows.append(row)
    costs = {"search p50 ms": harness.p50(times), "search p95 ms": harness.percentile(times, 0.95)}
    told.figures |= costs
    told.rows.append({"questions": len(found), **costs})
    told.notes.append("found: the first hit is a fact of the slot asked for, current or not")
    if not any(one.about == "valid_at" for one in found):
        told.notes.append("search takes no valid_at: not asked")
    return told


def main(arguments: list[str] | None = None) -> int:
    """Measure and report; the exit code."""
    parser = scoring_run.parser("supersession", __doc__)
    parser.add_argument("--per-kind", type=int, default=PER_KIND, help="cases of each kind")
    given: argparse.Namespace = parser.parse_args(arguments)
    found, times = run(cases(given.per_kind), scoring_run.search_options(given))
    about = {"per kind": given.per_kind}
    return scoring_run.finish("supersession", given, report(found, times), found, about)


if __name__ == "__main__":
    raise SystemExit(main())
