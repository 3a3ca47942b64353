"""The texts of queries in Cassandra, in the vault's own keyspace: rows that end by themselves.

A text is written, then its cubes and the scopes that were erased are looked at; an eraser writes Erased
and the scope, then looks for texts. So one of the two takes the text away, whichever comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.governance.query_keys import DAY
from memos.infrastructure.governance.query_texts.port import (
    SETTING,
    QueryText,
    concerns,
    is_gone,
    lifetime_of,
)
from memos.kernel.scope import tenant_of

_TEXTS = (
    "query_text (tenant text, day int, access_id blob, scope text, asked bigint, box blob,"
    " PRIMARY KEY ((tenant, day), access_id))"
)
_CUBES = (
    "query_cube (cube_id blob, access_id blob, tenant text, day int,"
    " PRIMARY KEY (cube_id, access_id))"
)
_ERASED = "query_erased (tenant text, scope text, erased bigint, PRIMARY KEY (tenant, scope))"
"""Made when a vault is first told to keep texts; the last one also where a vault of before is."""

_CLOCKS_APART = 5_000_000
"""By how many microseconds the clocks of who reads and of who erases may differ: a text that was asked
so shortly after an erase goes, too.
"""

_SECOND = 1_000_000


class CassandraQueryTexts:
    """See `port.QueryTexts`.

    Args:
        store: the connection; its settings name the vault's own keyspace.
        erased: of some cubes those that are erased or being erased.
        clock: microseconds since 1970.
    """

    def __init__(
        self,
        store: CassandraSession,
        erased: Callable[[Iterable[bytes]], set[bytes]],
        clock: Callable[[], int],
    ) -> None:
        self._store = store
        self._base = store.settings.keyspace
        self._erased = erased
        self._clock = clock
        self._has_erased = False

    def set_lifetime(self, lifetime: int) -> None:
        for table in (_TEXTS, _CUBES, _ERASED):
            self._store.session.execute(f"CREATE TABLE IF NOT EXISTS {self._base}.{table}")
        self._store.execute(
            f"INSERT INTO {self._base}.setting (name, value) VALUES (?, ?)",
            (SETTING, str(lifetime)),
        )
        if not lifetime:
            for table in ("query_text", "query_cube", "query_erased"):
                self._store.session.execute(f"TRUNCATE {self._base}.{table}")

    def lifetime(self) -> int:
        stored = self._setting()
        return 0 if stored is None else stored

    def keep(self, texts: Sequence[QueryText]) -> None:
        lifetime = self.lifetime()
        if not (texts and lifetime):
            return
        seconds = max(1, lifetime // _SECOND)
        cubes = [(raw, text) for text in texts for raw in dict.fromkeys(text.cubes)]
        self._store.concurrently(
            f"INSERT INTO {self._base}.query_cube (cube_id, access_id, tenant, day)"
            f" VALUES (?, ?, ?, ?) USING TTL {seconds:d}",
            [(raw, text.access_id, text.tenant, text.asked // DAY) for raw, text in cubes],
        )
        self._store.concurrently(
            f"INSERT INTO {self._base}.query_text (tenant, day, access_id, scope, asked, box)"
            f" VALUES (?, ?, ?, ?, ?, ?) USING TTL {seconds:d}",
            [
                (text.tenant, text.asked // DAY, text.access_id, text.scope, text.asked, text.box)
                for text in texts
            ],
        )
        erased = self._erased({raw for raw, _ in cubes})
        if erased:
            self.forget(sorted(erased), "", 0)
        self._delete(
            (text.tenant, text.asked // DAY, text.access_id)
            for tenant, asked in groupby(sorted(texts, key=_tenant), _tenant)
            for text in _gone(asked, self._erased_scopes(tenant))
        )

    def end(self, now: int) -> None:
        """Nothing is left to do: each row was written with its time to live."""

    def kept(self, tenant: str, now: int) -> list[QueryText]:
        lifetime = self.lifetime()
        texts = self._of(tenant, now, lifetime) if lifetime else []
        return sorted(
            (text for text in texts if text.asked > now - lifetime),
            key=lambda text: (text.asked, text.access_id),
        )

    def forget(self, cube_ids: Sequence[bytes], scope: str, erased: int) -> None:
        """Take away the texts of queries that returned one of some cubes, or searched some of a
        scope (empty for none), which were erased at a time.
        """
        lifetime = self._setting()
        if lifetime is None:
            return
        found = self._store.concurrently(
            f"SELECT tenant, day, access_id FROM {self._base}.query_cube WHERE cube_id = ?",
            [(raw,) for raw in cube_ids],
        )
        gone = [tuple(row) for rows in found for row in rows]
        if scope and lifetime:
            tenant = tenant_of(scope)
            self._make_erased()
            self._store.execute(
                f"INSERT INTO {self._base}.query_erased (tenant, scope, erased) VALUES (?, ?, ?)"
                f" USING TTL {max(1, lifetime // _SECOND):d}",
                (tenant, scope, erased + _CLOCKS_APART),
            )
            gone += [
                (tenant, text.asked // DAY, text.access_id)
                for text in self._of(tenant, self._clock(), lifetime)
                if concerns(text.scope, scope)
            ]
        self._delete(gone)
        self._store.concurrently(
            f"DELETE FROM {self._base}.query_cube WHERE cube_id = ?", [(raw,) for raw in cube_ids]
        )

    def _delete(self, texts: Iterable[tuple[object, ...]]) -> None:
        self._store.concurrently(
            f"DELETE FROM {self._base}.query_text WHERE tenant = ? AND day = ? AND access_id = ?",
            list(texts),
        )

    def _erased_scopes(self, tenant: str) -> list[tuple[str, int]]:
        """The scopes of a tenant that were erased, and when."""
        self._make_erased()
        cql = f"SELECT scope, erased FROM {self._base}.query_erased WHERE tenant = ?"
        return [(scope, erased) for scope, erased in self._store.execute(cql, (tenant,))]

    def _make_erased(self) -> None:
        """Make the table that an earlier release did not, once for each process."""
        if not self._has_erased:
            self._store.session.execute(f"CREATE TABLE IF NOT EXISTS {self._base}.{_ERASED}")
            self._has_erased = True

    def _setting(self) -> int | None:
        cql = f"SELECT value FROM {self._base}.setting WHERE name = ?"
        stored = self._store.execute(cql, (SETTING,))
        return lifetime_of(stored[0][0]) if stored else None

    def _of(self, tenant: str, now: int, lifetime: int) -> list[QueryText]:
        # A day on either side, for clocks that differ.
        days = range((now - lifetime) // DAY - 1, now // DAY + 2)
        found = self._store.concurrently(
            f"SELECT access_id, tenant, scope, asked, box FROM {self._base}.query_text"
            " WHERE tenant = ? AND day = ?",
            [(tenant, day) for day in days],
        )
        return [
            QueryText(access_id, tenant, scope, asked, (), box)
            for rows in found
            for access_id, tenant, scope, asked, box in rows
        ]


def _tenant(text: QueryText) -> str:
    return text.tenant


def _gone(texts: Iterable[QueryText], erased: Sequence[tuple[str, int]]) -> Iterator[QueryText]:
    """The texts that went with an erase of what they searched."""
    return (text for text in texts if is_gone(text.scope, text.asked, erased))
