"""The first step of an erase: every cube is asked, and one that refuses holds it up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.errors import Held
from memos.kernel.event import Kind, Position, id_text
from memos.kernel.outcome import Reason, Result
from memos.kernel.scope import tenant_of
from memos.operation.commands.destroy import nobody_elses
from memos.operation.commands.draft import operation_event
from memos.operation.commands.erase_standing import withdraw
from memos.operation.gate import Passage
from memos.operation.session import Session

_ANOTHER_ERASE = frozenset({Reason.ERASING, Reason.ERASED})


class Answer(NamedTuple):
    """What came of asking: an operation that all agreed to, or who holds it up.

    Attributes:
        operation_id: of the erase; empty where nothing was asked, or what was is withdrawn.
        held: the cubes that are held or frozen.
        others: the operations of other erases that cubes are waiting for.
    """

    operation_id: bytes = b""
    held: Sequence[CubeState] = ()
    others: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class Request:
    """The first step of an erase.

    Attributes:
        states: the cubes.
        bound: those of them that go along with others, whoever owns them: a freeze of theirs yields.
        subjects: the digests of the subject where one was named: its keys go whatever they seal.
        positions: up to where the log was read for the cubes.
        ends_freezes: an administrator asks, so every freeze yields.
        scope: the one that was named.
    """

    states: Sequence[CubeState]
    bound: set[bytes]
    subjects: set[bytes]
    positions: Sequence[Position]
    ends_freezes: bool
    scope: str = ""

    def refusing(self) -> list[CubeState]:
        """The cubes that are held, or frozen by a freeze that does not yield to this."""
        return [
            state
            for state in self.states
            if state.lifecycle is Lifecycle.FROZEN
            and not (state.yields_to_erase and (self.ends_freezes or state.cube_id in self.bound))
        ]

    def ask(self, session: Session, passage: Passage, transaction: Transaction) -> Answer:
        """Ask on every cube; withdraw where one refuses."""
        operation_id = session.new_id()
        tenant = tenant_of(self.states[0].scope)
        event = operation_event(session, Kind.ERASE_REQUESTED, operation_id, tenant, passage)
        for state in self.states:
            event.erase_requested.targets.add(
                cube_id=state.cube_id, scope=state.scope, bound=state.cube_id in self.bound
            )
        for partition, offset in self.positions:
            event.erase_requested.positions.add(partition=partition, offset=offset)
        event.erase_requested.scope = self.scope
        event.erase_requested.ends_freezes = self.ends_freezes
        gone = self.subjects | _only_theirs(transaction.reader(), self.states)
        event.erase_requested.subject_digests.extend(sorted(gone))
        committed = transaction.append(Draft(event))
        refused = {
            followed.event.cube_id: followed.outcome.reason
            for followed in committed.consequences
            if followed.outcome.result is Result.REJECTED
        }
        if not refused:
            return Answer(operation_id)
        withdraw(session, transaction, event, refused.keys(), passage)
        held = [
            state
            for state in self.states
            if refused.get(state.cube_id, Reason.ERASING) not in _ANOTHER_ERASE
        ]
        return Answer(held=held)


def _only_theirs(reader: Reader, states: Sequence[CubeState]) -> set[bytes]:
    """The subjects that nobody else has: their keys can go as a whole."""
    subjects = {subject for state in states for subject in state.subjects}
    return nobody_elses(reader, subjects, [state.cube_id for state in states])


def raise_held(passage: Passage, held: Sequence[CubeState]) -> None:
    """Raise Held where cubes refused an erase; only those are named that the caller may read."""
    if not held:
        return
    named = tuple(id_text(state.cube_id) for state in held if passage.allows(Action.READ, state))
    which = (
        ", ".join(named) if len(named) == len(held) else ", ".join((*named, "what you cannot see"))
    )
    raise Held(
        f"cubes are held or frozen, so nothing was erased: {which}. An administrator lifts a hold, "
        "and erases through a freeze, which its owner thaws",
        named,
    )
