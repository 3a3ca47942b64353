"""The first step of an erase: every cube is asked, and one that refuses holds it up.

Many cubes are asked by several operations, and all of these are withdrawn where a cube refuses. Those
that were made of others are asked, and destroyed, before these: where a crash comes between, whoever
erases what is left finds all that is to go with it.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from memos.infrastructure.engine.appender import Appender
from memos.infrastructure.engine.commit import Draft
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
from memos.operation.commands.parts import in_parts
from memos.operation.gate import Passage
from memos.operation.session import Session
from memos.wire.event_pb2 import Event

_MEANWHILE = frozenset({Reason.ERASING, Reason.ERASED, Reason.CONFLICT})
"""Why a cube refuses that nobody holds: another erase, or another version than was read."""


class EraseAnswer(NamedTuple):
    """What came of asking: operations that all agreed to, or who holds it up.

    Attributes:
        operation_ids: of the erase, in the order in which they are to be finished; none where nothing
            was asked, or what was is withdrawn.
        held: the cubes that are held or frozen.
        others: the operations of other erases that cubes are waiting for.
    """

    operation_ids: Sequence[bytes] = ()
    held: Sequence[CubeState] = ()
    others: Sequence[bytes] = ()


@dataclass(frozen=True, slots=True)
class EraseRequest:
    """The first step of an erase.

    Attributes:
        states: the cubes.
        bound: those of them that go along with others, whoever owns them: a freeze of theirs yields.
        subjects: the digests of the subject where one was named: its keys go whatever they seal.
        positions: up to where the log was read for the cubes.
        ends_freezes: an administrator asks, so every freeze yields.
        scope: the one that was named.
        as_read: nobody asks for it but what the cubes say themselves: at another version than was
            read each of them refuses.
    """

    states: Sequence[CubeState]
    bound: set[bytes]
    subjects: set[bytes]
    positions: Sequence[Position]
    ends_freezes: bool
    scope: str = ""
    as_read: bool = False

    def refusing(self) -> list[CubeState]:
        """The cubes that are held, or frozen by a freeze that does not yield to this."""
        return [
            state
            for state in self.states
            if state.lifecycle is Lifecycle.FROZEN
            and not (state.yields_to_erase and (self.ends_freezes or state.cube_id in self.bound))
        ]

    def ask(self, session: Session, passage: Passage | None, transaction: Appender) -> EraseAnswer:
        """Ask on every cube; withdraw where one refuses. Without a passage nobody asks for it now: it
        was asked for before.
        """
        refusing = {state.cube_id for state in self.refusing()}
        parts = in_parts(sorted(self.states, key=partial(self._turn, refusing)), _size)
        gone = _only_theirs(transaction.reader(), self.states)
        last = {raw: n for n, part in enumerate(parts) for state in part for raw in state.subjects}
        asked: list[Event] = []
        for number, part in enumerate(parts):
            mine = {subject for subject in gone if last[subject] == number}
            event = self._event(session, passage, part, mine, is_last=part is parts[-1])
            committed = transaction.append(Draft(event))
            refused = {
                followed.event.cube_id: followed.outcome.reason
                for followed in committed.consequences
                if followed.outcome.result is Result.REJECTED
            }
            if refused:
                withdraw(session, transaction, event, refused.keys(), passage)
                for earlier in asked:
                    withdraw(session, transaction, earlier, (), passage)
                held = {raw for raw, reason in refused.items() if reason not in _MEANWHILE}
                held |= refusing
                return EraseAnswer(held=[state for state in self.states if state.cube_id in held])
            asked.append(event)
        return EraseAnswer([event.operation_id for event in asked])

    def _turn(self, refusing: Collection[bytes], state: CubeState) -> tuple[bool, bool]:
        """Who refuses is asked first, so that nothing need be withdrawn from the others."""
        return state.cube_id not in refusing, state.cube_id not in self.bound

    def _event(
        self,
        session: Session,
        passage: Passage | None,
        part: Sequence[CubeState],
        subjects: set[bytes],
        *,
        is_last: bool,
    ) -> Event:
        """The request to some of the cubes; what the caller named goes with the last ones."""
        operation_id = session.new_id()
        tenant = tenant_of(part[0].scope)
        event = operation_event(session, Kind.ERASE_REQUESTED, operation_id, tenant, passage)
        for state in part:
            target = event.erase_requested.targets.add(
                cube_id=state.cube_id, scope=state.scope, bound=state.cube_id in self.bound
            )
            if self.as_read:
                target.expected_version = state.version
        for partition, offset in self.positions:
            event.erase_requested.positions.add(partition=partition, offset=offset)
        event.erase_requested.scope = self.scope if is_last else ""
        event.erase_requested.ends_freezes = self.ends_freezes
        gone = subjects | self.subjects if is_last else subjects
        event.erase_requested.subject_digests.extend(sorted(gone))
        return event


def _size(state: CubeState) -> int:
    """About how many bytes a request takes for a cube; the record that says Erased takes fewer."""
    return 48 + len(state.scope.encode()) + 20 * len(state.subjects)


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
