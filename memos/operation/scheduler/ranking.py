"""How most policies decide: memories are ranked by what each is worth, and the budget is filled from the top.

What is in an adapter needs no keys and values: it is passed over here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from memos.kernel.cube import Form
from memos.operation.scheduler.port import Budget, Candidate, Decision, Snapshot


class Worth(NamedTuple):
    """What the activation form of a memory is worth: more ranks higher, first figures first. `reason` says
    in words what it is made of.
    """

    figures: tuple[float, ...]
    reason: str


Valued = Callable[[Candidate], Worth | None]
"""The worth of a memory; None where it is to be plaintext even if there is room."""


def decisions_by_worth(snapshot: Snapshot, budget: Budget, valued: Valued) -> list[Decision]:
    """Fill the budget with what is worth most and fits; of equals with what comes first by its id.

    Returns:
        What changes: first the memories that become plaintext, then those that become activation.
    """
    worths = [
        (candidate, valued(candidate))
        for candidate in snapshot.candidates
        if candidate.form is not Form.PARAMETRIC
    ]
    ranked = sorted(
        ((candidate, worth) for candidate, worth in worths if worth is not None),
        key=lambda pair: (tuple(-figure for figure in pair[1].figures), pair[0].cube_id),
    )
    leaving = [
        _decision(candidate, Form.PLAINTEXT, "nothing speaks for keeping its keys and values")
        for candidate, worth in worths
        if worth is None and candidate.form is not Form.PLAINTEXT
    ]
    entering: list[Decision] = []
    room = budget.bytes
    for candidate, worth in ranked:
        fits = candidate.bytes <= room
        room -= candidate.bytes if fits else 0
        if fits is (candidate.form is Form.ACTIVATION):
            continue
        if fits:
            entering.append(
                _decision(candidate, Form.ACTIVATION, f"{worth.reason}: within the budget")
            )
        else:
            leaving.append(
                _decision(candidate, Form.PLAINTEXT, f"{worth.reason}: beyond the budget")
            )
    return leaving + entering


def _decision(candidate: Candidate, form: Form, reason: str) -> Decision:
    told = f"{reason} ({candidate.bytes:,} bytes, {candidate.milliseconds:.3g} ms to compute)"
    return Decision(candidate.cube_id, candidate.version, form, told)
