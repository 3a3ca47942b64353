"""Calls that take back and that erase."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, overload

from memos.interface.memory.door import Door
from memos.operation.validation import (
    check_flag,
)

if TYPE_CHECKING:
    from memos.operation.commands.erase_plan import ErasePlan
    from memos.operation.commands.rollback import Rollback
    from memos.operation.erasure_receipt import ErasureReceipt
    from memos.operation.validation import AsOf


class UndoingCalls(Door):
    """Calls that take back and that erase. See `Memory`."""

    def rollback(
        self,
        cube_id: str | None = None,
        *,
        to_version: int | None = None,
        source: str | None = None,
        actor: str | None = None,
        operation: str | None = None,
        cut: str | None = None,
        since: AsOf | None = None,
        until: AsOf | None = None,
        scope: str | None = None,
        dry_run: bool = False,
    ) -> Rollback:
        """Take a cube to a version, or undo a source, an actor, an operation or a stretch of log.

        Walks the taint: everything that was derived, merged, quoted or appended from what is
        undone goes back to its last clean version, or is archived where there is none. Content goes
        back for who may write a memory; header facts for who may decide over it, and where `actor`,
        `cut`, `since` or `until` say what is undone, for who administers its tenant. For others the
        header stays, and `headers_kept` names the memory. So do links that say where content is from;
        others, and these where the caller could make them, end, with the subjects that they brought. A
        link that what is undone took back is not made again: `links_ended` names its memory.

        Args:
            cube_id: with `to_version`, the cube to take back.
            to_version: the version that it goes back to.
            source: undo what came from this source, or from below it (whole path segments).
            actor: undo what this actor did.
            operation: undo the operation with this id.
            cut: undo everything after this named cut.
            since: only from this position on; beside `cut`, after both.
            until: only before this position.
            scope: only in this scope and what lies under it.
            dry_run: only plan.

        Raises:
            Denied: a cube may not be written by the actor; nothing was changed.
            NotFound: there is no such operation, cube or cut.
            IllegalMove: the operation is one that something else ends, such as a freeze, a hold or a
                grant; the error says what.
            Held: the cube that is named is frozen or held.
        """
        from memos.operation.commands.rollback import RollbackRequest, rollback
        from memos.operation.reads.log import LogFilter

        records = LogFilter(
            actor=actor,
            scope=scope,
            operation=operation,
            source=source,
            since=since,
            until=until,
            cut=cut,
        )
        request = RollbackRequest(
            cube_id=cube_id, to_version=to_version, records=records, dry_run=dry_run
        )
        return rollback(self._session, request)

    @overload
    def erase(
        self,
        *,
        subject: str | None = None,
        scope: str | None = None,
        cube_id: str | None = None,
        cube_ids: Iterable[str] | None = None,
        filter: Mapping[str, Any] | None = None,
        dry_run: Literal[False] = False,
    ) -> ErasureReceipt: ...

    @overload
    def erase(
        self,
        *,
        subject: str | None = None,
        scope: str | None = None,
        cube_id: str | None = None,
        cube_ids: Iterable[str] | None = None,
        filter: Mapping[str, Any] | None = None,
        dry_run: Literal[True],
    ) -> ErasePlan: ...

    def erase(
        self,
        *,
        subject: str | None = None,
        scope: str | None = None,
        cube_id: str | None = None,
        cube_ids: Iterable[str] | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        dry_run: bool = False,
    ) -> ErasureReceipt | ErasePlan:
        """Erase for good: destroy keys, purge every copy, and sign a receipt that lists them.

        The events stay, sealed for ever; the log's proofs still hold.

        Args:
            subject: all that is about this subject, and all that was derived from it.
            scope: all that lies in or under this scope, and all that was derived from it.
            cube_id: this cube, and all that was derived from it.
            cube_ids: these cubes, of one tenant, and all that was derived from them.
            filter: of `scope`, only what this fits, in any state, and all that was derived from it.
            dry_run: only plan: how many memories, how their texts begin, which go along, which are held.

        Where another erase has begun with some of it, that one is brought to its end, and what is
        left is erased; `supplements` of the receipt holds the other's.

        Returns:
            The signed receipt; with `dry_run` the plan.

        Raises:
            Held: a cube is held, or frozen and yours to thaw; nothing was erased.
            EraseUnfinished: it has begun and was stopped; it goes on when it is asked for again.
            NotFound: nothing matches.
        """
        from memos.operation.commands.erase import erase
        from memos.operation.commands.erase_plan import plan_erase
        from memos.operation.commands.erase_target import EraseTarget

        target = EraseTarget(
            subject=subject, scope=scope, cube_id=cube_id, cube_ids=cube_ids, filter=filter
        )
        if check_flag(dry_run, "dry_run"):
            return plan_erase(self._session, target)
        return erase(self._session, target)
