"""What an erase that came with an export takes here: what went on differently, and what was made here.

It is asked for in the transaction that takes the export in, so that nothing is left half done. What is
held is written down there, and is erased by a sweep, or by another import, once its hold is lifted.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

from memos.infrastructure.engine.appender import Appender
from memos.infrastructure.engine.owed import OWED_ERASES, OwedErase, owed_in, owed_to_text
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.log.ancestry import loaded_size
from memos.infrastructure.transfer.load.dump import Dump
from memos.infrastructure.transfer.load.joiner import Joined
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import CubeState
from memos.kernel.event import Position
from memos.kernel.lineage import Contribution, Edge
from memos.kernel.scope import tenant_of
from memos.operation.commands.erase_request import EraseRequest
from memos.operation.commands.erase_target import erasable
from memos.operation.commands.taint import BoundHistories, taint
from memos.operation.gate import Passage
from memos.operation.session import Session


class Followed(NamedTuple):
    """What follows from erases that came with exports.

    Attributes:
        operation_ids: the erases that were asked for, in the order in which they are to be finished.
        held: the memories that are erased once their hold is lifted.
    """

    operation_ids: Sequence[bytes] = ()
    held: Sequence[bytes] = ()


def follow_erases(
    session: Session, passage: Passage, own: Appender, joined: Joined, dump: Dump
) -> Followed:
    """Ask, in the transaction of a load, for what follows from its erases, and for what was owed."""
    owed = {one.cube_id: one for one in owed_in(session.engine.setting)}
    follow = [*_made_here(session, own.reader(), joined, dump), *_owed_there(own.reader(), dump)]
    for cube_id, spared in follow:
        before = owed.get(cube_id, OwedErase(cube_id))
        owed[cube_id] = OwedErase(cube_id, before.spared | spared)
    return _ask(session, passage, own, owed, passage.administers) if owed else Followed()


def ask_owed(session: Session, passage: Passage, concerns: Callable[[str], bool]) -> Followed:
    """Ask for erases that waited for a hold, in the tenants that this concerns."""

    def ask(own: Appender) -> Followed:
        owed = {one.cube_id: one for one in owed_in(session.engine.setting)}
        return _ask(session, passage, own, owed, concerns)

    if not owed_in(session.engine.setting):
        return Followed()
    return session.engine.writer.transact(ask)


class _MadeHere(BoundHistories):
    """Goes along no edge that the exported vault had: what stood there behind its erase stays.

    Args:
        reader: what is read.
        administrator: of this vault.
        brought: the ids of events that the export holds; one of a part may hold not all of them.
        origin: of the export's log.
        loaded: how many records this vault began with, as a load of that log.
    """

    def __init__(
        self,
        reader: Reader,
        administrator: str,
        brought: Collection[bytes],
        origin: str,
        loaded: int,
    ) -> None:
        super().__init__(reader, administrator)
        self._brought = brought
        self._origin = origin
        self._loaded = loaded

    def follows(self, edge: Edge) -> bool:
        return super().follows(edge) and not self.came(edge)

    def came(self, edge: Edge) -> bool:
        """Whether the record that made an edge came from the exported vault."""
        cube_id, version = edge.derived
        return any(
            self._is_theirs(attempt)
            for attempt in self.attempts(cube_id)
            if attempt.outcome.version == version
            and any(
                (named.other.cube_id, named.other.version) == edge.source
                for named in self._reader.event(attempt.position).edges
            )
        )

    def _is_theirs(self, attempt: Attempt) -> bool:
        origin = self._reader.origin_of(attempt.position)
        return (
            attempt.event_id in self._brought
            or attempt.position.offset < self._loaded
            or origin == self._origin
            or origin.startswith(f"{self._origin}/")  # one partition of several
        )


class _Sparing(BoundHistories):
    """Does not go on to what is spared."""

    def __init__(self, reader: Reader, administrator: str, owed: Mapping[bytes, OwedErase]) -> None:
        super().__init__(reader, administrator)
        self._owed = owed

    def follows(self, edge: Edge) -> bool:
        owed = self._owed.get(edge.source[0])
        is_spared = owed is not None and edge.derived[0] in owed.spared
        return not is_spared and super().follows(edge)


def _owed_there(reader: Reader, dump: Dump) -> list[OwedErase]:
    """The erases that wait where an export is from, of memories that are the same here."""
    owed = dump.manifest.owed
    brought = dump.event_ids_on({one.cube_id for one in owed})
    first = {one.cube_id: reader.vault.attempts(one.cube_id)[:1] for one in owed}
    return [one for one in owed for made in first[one.cube_id] if made.event_id in brought]


def _made_here(session: Session, reader: Reader, joined: Joined, dump: Dump) -> Iterable[OwedErase]:
    """The memories that an export's erases have still to take here, as if all were held."""
    administrator = session.engine.setting("administrator")
    gone = {*joined.erased, *joined.ended}
    heads = [
        head
        for cube_id in sorted(gone)
        if reader.vault.edges(cube_id, downstream=True)
        and (head := reader.vault.head(cube_id)) is not None
    ]
    reached = taint(_all_of(heads), BoundHistories(reader, administrator)).keys() - gone
    origin = dump.checkpoint.origin
    loaded = loaded_size(session.engine.setting, origin)
    histories = _MadeHere(reader, administrator, dump.event_ids_on(reached), origin, loaded)
    made = taint(_all_of(heads), histories).keys() - gone if reached else frozenset()
    for cube_id in sorted({*joined.ended, *made}):
        edges = reader.vault.edges(cube_id, downstream=True)
        stood = frozenset(edge.derived[0] for edge in edges if histories.came(edge))
        yield OwedErase(cube_id, stood)


def _ask(
    session: Session,
    passage: Passage,
    own: Appender,
    owed: Mapping[bytes, OwedErase],
    concerns: Callable[[str], bool],
) -> Followed:
    """Ask on all that is owed, and on what came of it; keep what is held and what is others'."""
    positions = own.read_end()
    standing = erasable(own, sorted(owed))
    others = [state for state in standing if not concerns(tenant_of(state.scope))]
    seeds = _all_of(state for state in standing if state not in others)
    histories = _Sparing(own.reader(), session.engine.setting("administrator"), owed)
    states = erasable(own, sorted(taint(seeds, histories)))
    held = _request(states, positions).refusing()
    going = [state for state in states if state not in held and not state.erasing]
    operation_ids: list[bytes] = []
    waiting = [*others, *(state for state in states if state in held or state.erasing)]
    for _, group in groupby(sorted(going, key=_tenant), _tenant):
        of_tenant = list(group)
        answer = _request(of_tenant, positions).ask(session, passage, own)
        operation_ids += answer.operation_ids
        waiting += () if answer.operation_ids else of_tenant  # somebody has just held one
    left = [owed.get(state.cube_id, OwedErase(state.cube_id)) for state in waiting]
    if owed_to_text(left) != session.engine.setting(OWED_ERASES):
        own.keep_owed(left)
    return Followed(operation_ids, [state.cube_id for state in held])


def _request(states: Sequence[CubeState], positions: Sequence[Position]) -> EraseRequest:
    """An administrator took the export in, so every freeze yields."""
    return EraseRequest(states, set(), set(), positions, ends_freezes=True)


def _tenant(state: CubeState) -> str:
    return tenant_of(state.scope)


def _all_of(states: Iterable[CubeState]) -> list[Contribution]:
    """Every version of some cubes."""
    return [(state.cube_id, version) for state in states for version in range(1, state.version + 1)]
