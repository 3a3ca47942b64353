"""What any vault must do. `tests/conformance/test_vault.py` is the contract of every backend.

Reads take `at`, a moment of the log: the state just after the last record that it reaches; by
default the newest.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

from memos.kernel.cube import CubeState
from memos.kernel.event import Kind, Position
from memos.kernel.lineage import Edge
from memos.kernel.moment import At
from memos.kernel.outcome import Outcome


class Attempt(NamedTuple):
    """One record, folded: what was attempted on a cube and what became of it.

    `ordinal` is the moment just after it (see `memos.kernel.moment`). `state` is the cube
    afterwards, None where the event was not accepted.
    """

    position: Position
    ordinal: int
    log_time: int
    event_id: bytes
    cube_id: bytes
    sequence: int
    kind: Kind
    scope: str
    actor: str
    operation_id: bytes
    outcome: Outcome
    composed_from: int
    state: CubeState | None


class LogQuery(NamedTuple):
    """Which records a log query wants; empty fields do not narrow it. What `after` reaches
    is left out, and so is what `upto` does not reach.
    """

    actor: str = ""
    kind: Kind | None = None
    scope: str = ""
    cube_id: bytes = b""
    operation_id: bytes = b""
    sources: tuple[bytes, ...] = ()
    after: At = -1
    upto: At | None = None


class Vault(Protocol):
    """The reading side: heads, attempts, versions and lineage of cubes."""

    def head(self, cube_id: bytes) -> CubeState | None:
        """The cube as it is now."""
        ...

    def heads_many(self, cube_ids: Iterable[bytes]) -> dict[bytes, CubeState]:
        """Several cubes as they are now, asked for together; those that do not exist are left out."""
        ...

    def state_at(self, cube_id: bytes, at: At = ...) -> Attempt | None:
        """The last accepted attempt on the cube at `at`."""
        ...

    def attempts(self, cube_id: bytes, at: At = ...) -> list[Attempt]:
        """Everything attempted on the cube, oldest first."""
        ...

    def version(self, cube_id: bytes, version: int) -> Attempt | None:
        """The attempt that made a version of the cube."""
        ...

    def by_event(self, event_id: bytes, cube_id: bytes | None = None) -> Attempt | None:
        """What became of an event: its accepted attempt, or else its first one.

        Where its cube is given, only that cube's records need to be looked at.
        """
        ...

    def edges(self, cube_id: bytes, *, downstream: bool, version: int | None = None) -> list[Edge]:
        """The edges from the cube's sources, or to what was derived from it; none that was undone."""
        ...

    def query(self, query: LogQuery) -> Iterator[Attempt]:
        """The attempts that a log query wants, in log order."""
        ...

    def cubes_of_subjects(self, subjects: Sequence[bytes]) -> list[bytes]:
        """The cubes that carry one of these subjects' digests, or did so by a link that was undone."""
        ...

    def cubes_in_scope(self, scope: str) -> list[bytes]:
        """The cubes at or under a scope, in id order."""
        ...

    def ending(self, now: int) -> list[bytes]:
        """The cubes whose lifespan may be over at `now`, those not renewed by a use, in any state
        that something can end.
        """
        ...

    def erasing(self) -> list[bytes]:
        """The erase operations that were asked for and have not come to an end."""
        ...
