"""Calls that follow the logs: who did, read and asked for what."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from memos.interface.memory.door import Door
from memos.operation.validation import (
    Time,
)

if TYPE_CHECKING:
    from datetime import datetime

    from memos.operation.commands.queries import AskedQuery
    from memos.operation.reads.accesses import AccessEntry
    from memos.operation.reads.history import LogEntry
    from memos.operation.validation import AsOf


class FollowingCalls(Door):
    """Calls that follow the logs: who did, read and asked for what. See `Memory`."""

    def events(
        self,
        *,
        actor: str | None = None,
        kind: str | None = None,
        scope: str | None = None,
        cube_id: str | None = None,
        operation: str | None = None,
        source: str | None = None,
        since: AsOf | None = None,
        until: AsOf | None = None,
    ) -> Iterator[LogEntry]:
        """The log: who attempted what, when, and what became of it, in log order.

        Args:
            actor: by this actor.
            kind: of this kind, such as `Revised`.
            scope: in this scope and all that lies under it.
            cube_id: on this cube.
            operation: of the operation with this id.
            source: whose source is, or lies under, this path.
            since: from this position, cut or time on, inclusive.
            until: before this position, cut or time.
        """
        from memos.operation.reads.log import LogFilter, events

        records = LogFilter(
            actor=actor,
            kind=kind,
            scope=scope,
            cube_id=cube_id,
            operation=operation,
            source=source,
            since=since,
            until=until,
        )
        return events(self._session, records)

    def _folded_until(self) -> datetime:
        """The time up to which `events` lists every record."""
        from memos.operation.reads.log import folded_until

        return folded_until(self._session)

    def accesses(
        self,
        *,
        cube_id: str | None = None,
        actor: str | None = None,
        scope: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        limit: int = 100,
    ) -> list[AccessEntry]:
        """Who read what: the newest entries of the access log, oldest first.

        Administrators see what was done in their tenants, the owner of a memory who read that, and all
        others what they did themselves. Of what a read returned only such memories are named as the
        caller may read. The whole access log is looked through.

        Args:
            cube_id: that returned this memory; for its owner, and administrators.
            actor: by this actor; another's for administrators.
            scope: of this scope and all that lies under it.
            since: from this time on.
            until: before this time.
            limit: how many at most.

        Raises:
            Denied: it is another's to see.
            NotFound: there is no such memory.
        """
        from memos.operation.reads.accesses import AccessFilter, accesses

        wanted = AccessFilter(
            cube_id=cube_id, actor=actor, scope=scope, since=since, until=until, limit=limit
        )
        return accesses(self._session, wanted)

    def denials(
        self,
        *,
        cube_id: str | None = None,
        actor: str | None = None,
        scope: str | None = None,
        since: Time | None = None,
        until: Time | None = None,
        limit: int = 100,
    ) -> list[AccessEntry]:
        """What governance refused, and by which rule: the newest, oldest first. See `accesses`."""
        from memos.operation.reads.accesses import AccessFilter, denials

        wanted = AccessFilter(
            cube_id=cube_id, actor=actor, scope=scope, since=since, until=until, limit=limit
        )
        return denials(self._session, wanted)

    def keep_queries(self, lifetime: str | None = "30d") -> None:
        """Keep the texts of queries from now on, for so long; an administrator's act.

        By default a vault keeps none: its access log has a digest of each query under a key of the
        tenant and the day, which is destroyed after 30 days. Kept texts lie beside the log, sealed;
        an erase takes away those of queries that returned an erased memory, or searched an erased
        scope. What has outlived its time goes when the vault is used, swept or opened.

        Args:
            lifetime: such as `"7d"`; None keeps no more texts, and takes away all that are there.

        Raises:
            Denied: the actor does not administer the whole vault.
            InvalidInput: it is no duration, or longer than 30 days.
        """
        from memos.operation.commands.queries import keep_queries

        keep_queries(self._session, lifetime)

    def queries(self, scope: str) -> list[AskedQuery]:
        """The queries in a scope, and under it, whose texts are kept, oldest first.

        Raises:
            Denied: the actor does not administer the tenant.
        """
        from memos.operation.commands.queries import queries

        return queries(self._session, scope)
