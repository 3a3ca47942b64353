"""Decisions kept in the log: a Decided event on each memory whose form changes, all in one operation."""

from __future__ import annotations

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.keys.envelope import seal_body
from memos.kernel.cube import SHOWN, CubeState
from memos.kernel.errors import IllegalMove
from memos.kernel.event import Kind, id_text
from memos.operation.commands.batch import Batch, BatchChange, Make, change_several
from memos.operation.commands.change import NothingChanges
from memos.operation.commands.draft import new_event
from memos.operation.gate import Passage
from memos.operation.scheduler.decided import CHOICES, decided_form
from memos.operation.scheduler.plan import Plan
from memos.operation.scheduler.port import Decision
from memos.operation.search.selection import Selection
from memos.operation.session import Session
from memos.wire.body_pb2 import Body


def record(session: Session, plan: Plan, *, dry_run: bool = False) -> Batch:
    """Keep the decisions of a plan: policy and choice in clear, the reason sealed under the memory's key.

    It takes the right to write on each memory. A decision is on the version that it was made of: where a
    memory has changed since, nothing is kept, and a new plan is due. What was decided so already is
    passed over. The next decision takes the place of this one; a rollback does not undo it.

    Raises:
        NotFound, Denied: a memory is not there any more, or the actor may not write on it.
        IllegalMove: a memory changed since the plan, or is erased; `dry_run` names those in `rejected`.
        PartlyDone: on servers, where another writer came between.
    """
    change = BatchChange(
        Kind.DECIDED.title, SHOWN, lambda passage: _deciding(session, passage, plan)
    )
    if not plan.decisions:
        with session.gate.enter(change.operation) as passage:
            passage.admit()  # there is nothing to ask about
        return Batch(change.verb, (), (), (), "", dry_run)
    selection = Selection(cube_ids=[decision.cube_id for decision in plan.decisions])
    return change_several(session, selection, change, dry_run=dry_run)


def _deciding(session: Session, passage: Passage, plan: Plan) -> Make:
    """Makes the event of the decision on a memory."""
    decisions = {decision.cube_id: decision for decision in plan.decisions}

    def make(reader: Reader, state: CubeState) -> Draft:
        decision = decisions[id_text(state.cube_id)]
        cube_key = reader.cube_key(state.cube_id)
        if cube_key is None:
            raise IllegalMove(f"cube {decision.cube_id} is erased: nothing is decided on it")
        _check_unchanged(state, decision)
        if decided_form(reader, reader.vault.attempts(state.cube_id)) is decision.form:
            raise NothingChanges
        event = new_event(session, Kind.DECIDED, state.cube_id, state.scope, passage=passage)
        event.decided.policy = plan.policy
        event.decided.choice = CHOICES[decision.form]
        seal_body(cube_key, event, Body(reason=decision.reason))
        return Draft(event)

    return make


def _check_unchanged(state: CubeState, decision: Decision) -> None:
    """Refuse a decision on what is not there any more.

    Raises:
        IllegalMove: the memory is at another version.
    """
    if state.version != decision.version:
        raise IllegalMove(
            f"cube {decision.cube_id} is at version {state.version}, and was decided on at "
            f"{decision.version}: plan again"
        )
