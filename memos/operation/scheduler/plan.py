"""A plan: what a policy decides on a scope, now or then again; and the replay of all that it went by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import Form
from memos.kernel.errors import InvalidInput
from memos.kernel.event import id_bytes
from memos.kernel.scope import check_scope
from memos.operation.cube import as_datetime
from memos.operation.scheduler.costs import Costs
from memos.operation.scheduler.port import Budget, Candidate, Decision, Policy
from memos.operation.scheduler.recording import VaultRecording
from memos.operation.scheduler.replay import Replayed, Tally, optimum, replay
from memos.operation.session import Session
from memos.operation.validation import check_time


@dataclass(frozen=True, slots=True)
class Plan:
    """What a policy decides on the memories of a scope at a time.

    Attributes:
        scope: where.
        policy: the policy's name.
        budget: what the activation form may take.
        time: when.
        accesses: how many accesses had used a memory that the actor may decide on.
        candidates: how many memories were looked at.
        decisions: what changes, and why; empty where every memory has its form.
        activated: the memories that are in activation form then, those that were before, too, in id order.
        activated_bytes: what they take.
        parametric: the memories that are to be in an adapter then, in id order.
    """

    scope: str
    policy: str
    budget: Budget
    time: datetime
    accesses: int
    candidates: int
    decisions: tuple[Decision, ...]
    activated: tuple[str, ...]
    activated_bytes: int
    parametric: tuple[str, ...] = ()


def plan(session: Session, scope: str, policy: Policy, budget: Budget, costs: Costs) -> Plan:
    """What a policy decides on the memories in and under a scope that the actor may read and change.

    Nothing is written: `record` keeps it. The whole access log is looked through.

    Raises:
        Denied: the actor may not read there.
        InvalidInput: an argument does not fit, there are too many memories, or the policy needs an
            embedder that is not there.
    """
    return _planned(session, check_scope(scope), policy, budget, costs, None)


def plan_again(session: Session, made: Plan, policy: Policy, costs: Costs) -> Plan:
    """A plan taken again, from the log and the access log as they were then: the same one, but for what was
    erased since, or is not the actor's to read and change any more.

    Raises:
        Denied, InvalidInput: as of `plan`; or the plan is another policy's.
    """
    if policy.name != made.policy:
        raise InvalidInput(f"the plan is of the policy {made.policy}, not of {policy.name}")
    return _planned(session, made.scope, policy, made.budget, costs, made)


def _planned(
    session: Session, scope: str, policy: Policy, budget: Budget, costs: Costs, made: Plan | None
) -> Plan:
    """A plan of now, or as of one that was made."""
    with session.gate.enter("schedule") as passage:
        passage.require(Action.READ, scope)
        session.access_log.flush()
        time = passage.time if made is None else check_time(made.time, "time")
        with session.engine.read() as reader:
            snapshot = VaultRecording(session, passage, reader, scope, costs).decided_snapshot(
                None if made is None else made.accesses, time, nearness=policy.asks_nearness
            )
        decisions = policy.decide(snapshot, budget)
        forms = {decision.cube_id: decision.form for decision in decisions}

        def in_form(form: Form) -> list[Candidate]:
            return [
                each for each in snapshot.candidates if forms.get(each.cube_id, each.form) is form
            ]

        activated = in_form(Form.ACTIVATION)
        passage.note(scope, [(id_bytes(each.cube_id), each.version) for each in decisions])
        return Plan(
            scope,
            policy.name,
            budget,
            as_datetime(time),
            snapshot.accesses,
            len(snapshot.candidates),
            tuple(decisions),
            tuple(each.cube_id for each in activated),
            sum(each.bytes for each in activated),
            tuple(each.cube_id for each in in_form(Form.PARAMETRIC)),
        )


def replay_accesses(
    session: Session,
    scope: str,
    policy: Policy,
    budget: Budget,
    costs: Costs,
    *,
    every: int = 1,
) -> tuple[Replayed, Tally]:
    """What a policy would have decided behind every so many recorded accesses of a scope, had it decided
    from the first on; what that had saved, and the most that could have been (`replay.optimum`).

    Raises:
        Denied, InvalidInput: as of `plan`.
    """
    scope = check_scope(scope)
    with session.gate.enter("replay") as passage:
        passage.require(Action.READ, scope)
        session.access_log.flush()
        with session.engine.read() as reader:
            recording = VaultRecording(session, passage, reader, scope, costs)
            replayed = replay(recording, policy, budget, every)
            most = optimum(recording, budget)
        passage.note(scope)
        return replayed, most
