"""How a policy decides on three forms: adapters first, then the activation form among what is left."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from memos.kernel.cube import Form
from memos.operation.scheduler.port import Budget, Candidate, Decision, Policy, Snapshot
from memos.operation.scheduler.ranking import Valued, Worth


def decisions_on_three_forms(
    snapshot: Snapshot, budget: Budget, learnt: Valued, others: Policy
) -> list[Decision]:
    """Fill the budget of adapters with what is worth most; the other policy decides on the rest.

    Args:
        snapshot: what the policy sees.
        budget: what each form may take.
        learnt: the worth of a memory in an adapter; None where it is to be in none.
        others: decides on the activation form of what is in no adapter.

    Returns:
        What changes: first what becomes plaintext, then parametric, then activation.
    """
    if budget.parametric_bytes is None:
        return others.decide(snapshot, budget)
    worths = _within(snapshot, budget.parametric_bytes, learnt)
    entering = [
        _decision(each, Form.PARAMETRIC, worths[each.cube_id].reason)
        for each in snapshot.candidates
        if each.cube_id in worths and each.form is not Form.PARAMETRIC
    ]
    left = [each for each in snapshot.candidates if each.cube_id not in worths]
    rest = others.decide(
        Snapshot([_out_of_adapters(each) for each in left], snapshot.accesses), budget
    )
    decided = {each.cube_id for each in rest}
    leaving = [
        _decision(each, Form.PLAINTEXT, "is worth no place in an adapter any more")
        for each in left
        if each.form is Form.PARAMETRIC and each.cube_id not in decided
    ]
    activated = [each for each in rest if each.form is Form.ACTIVATION]
    return [*leaving, *(each for each in rest if each not in activated), *entering, *activated]


def _within(snapshot: Snapshot, room: int, learnt: Valued) -> Mapping[str, Worth]:
    """What fits into adapters, by id: what is worth most first, of equals what comes first by its id."""
    worths = [(each, worth) for each in snapshot.candidates if (worth := learnt(each)) is not None]
    worths.sort(key=lambda pair: (tuple(-figure for figure in pair[1].figures), pair[0].cube_id))
    kept: dict[str, Worth] = {}
    for candidate, worth in worths:
        if candidate.adapter_bytes <= room:
            room -= candidate.adapter_bytes
            kept[candidate.cube_id] = worth
    return kept


def _out_of_adapters(candidate: Candidate) -> Candidate:
    if candidate.form is not Form.PARAMETRIC:
        return candidate
    return replace(candidate, form=Form.PLAINTEXT)


def _decision(candidate: Candidate, form: Form, reason: str) -> Decision:
    told = (
        f"{reason} ({candidate.tokens:,} tokens; its share of an adapter: {candidate.adapter_bytes:,} bytes, "
        f"{candidate.training_milliseconds:.3g} ms to train)"
    )
    return Decision(candidate.cube_id, candidate.version, form, told)
