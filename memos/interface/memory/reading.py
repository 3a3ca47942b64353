"""Calls that read one memory: as it is, as it was, where it is from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memos.interface.memory.door import Door
from memos.operation.validation import (
    Time,
)

if TYPE_CHECKING:
    from memos.kernel.event import Position
    from memos.operation.cube import Forgotten, MemCube
    from memos.operation.reads.history import Change, Diff, Lineage
    from memos.operation.receipt import Receipt
    from memos.operation.validation import AsOf


class ReadingCalls(Door):
    """Calls that read one memory: as it is, as it was, where it is from. See `Memory`."""

    def get(
        self,
        cube_id: str,
        *,
        version: int | None = None,
        as_of: AsOf | None = None,
        valid_at: Time | None = None,
        any_state: bool = False,
    ) -> MemCube | Forgotten:
        """One memory.

        Args:
            cube_id: which.
            version: as it was at this version.
            as_of: as it was known at a cut, a position or a log time.
            valid_at: the newest version whose content was true in the world at this time.
            any_state: also when it is archived, merged or expired.

        Returns:
            The memory; `Forgotten` where it was erased, at any position.

        Raises:
            NotFound: it did not exist then, or is out of sight.
        """
        from memos.operation.reads.get import StateRequest, get

        request = StateRequest(version=version, as_of=as_of, valid_at=valid_at)
        return get(self._session, cube_id, request, any_state=any_state)

    def find_id(self, beginning: str) -> str:
        """The id of the one memory whose id begins so, among those that the actor may read.

        Args:
            beginning: the first characters of an id, four or more.

        Raises:
            NotFound: there is none.
            InvalidInput: there are several, or it is no beginning of an id.
        """
        from memos.operation.reads.find_id import find_id

        return find_id(self._session, beginning)

    def history(self, cube_id: str) -> list[Change]:
        """Everything attempted on a memory, oldest first, with the text that each left."""
        from memos.operation.reads.get import history

        return history(self._session, cube_id)

    def diff(self, cube_id: str, before: int, after: int) -> Diff:
        """What changed between two versions of a memory.

        Raises:
            NotFound: there is no such version, or the memory was erased.
        """
        from memos.operation.reads.get import diff

        return diff(self._session, cube_id, before, after)

    def lineage(self, cube_id: str, *, direction: str = "both", depth: int = 3) -> Lineage:
        """What a memory came from (upstream) and what came from it (downstream)."""
        from memos.operation.reads.get import lineage

        return lineage(self._session, cube_id, direction, depth)

    def wait_for(self, token: Receipt | Position | str, *, seconds: float = 30.0) -> None:
        """Wait until a write of any process can be read here.

        What this vault's own adds return can be read already; a token from elsewhere, or of a vault
        opened with `wait="durable"`, may be ahead of the workers.

        Args:
            token: the write's receipt, or its position (`receipt.position`, or its text, 0:42).
            seconds: how long to wait.

        Raises:
            NotApplied: it cannot be read yet; the message says which worker is behind or dead.
            InvalidInput: it is no token.
        """
        from memos.operation.reads.log import wait_for

        wait_for(self._session, token, seconds)
