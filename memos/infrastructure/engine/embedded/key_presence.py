"""Which keys an embedded vault needs, and does not have."""

from __future__ import annotations

from collections.abc import Container, Iterator
from threading import Lock

import apsw

from memos.infrastructure.engine.replay import CREATING
from memos.infrastructure.keys.envelope import split_subjects
from memos.infrastructure.sqlite.statements import row, rows
from memos.kernel.cube import Lifecycle
from memos.kernel.event import Kind
from memos.kernel.scope import tenant_of

_LIVE = f"head.lifecycle <> {Lifecycle.ERASED:d} AND head.erasing = x''"
_MEMORIES = ", ".join(str(int(kind)) for kind in sorted(CREATING))
_UNDER_TENANT_KEYS = f"{_MEMORIES}, {Kind.CUT_NAMED:d}"
"""A memory's subject and a cut's id are digests under its tenant's key."""


class KnownTenants:
    """The tenants of whom the log of a vault holds what takes their keys to make. It goes on reading
    where it ended, for a log only grows. Safe for threads.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._tenants: frozenset[str] = frozenset()
        self._end = -1

    def read(self, connection: apsw.Connection) -> frozenset[str]:
        """As the vault is now, on this connection."""
        with self._lock:
            (end,) = row(connection, "SELECT max(position) FROM attempt") or (None,)
            if end is not None and end > self._end:
                sql = (
                    "SELECT DISTINCT scope FROM attempt WHERE position > ? AND position <= ?"
                    f" AND kind IN ({_UNDER_TENANT_KEYS}) AND result = 1"
                )
                found = rows(connection, sql, (self._end, end))
                self._tenants |= {tenant_of(scope) for (scope,) in found}
                self._end = end
            return self._tenants


def lost_tenants(connection: apsw.Connection, kept: Container[str]) -> list[str]:
    """The tenants whose keys are needed, and not there.

    Args:
        connection: of the vault.
        kept: the tenants whose own keys are in its key file.
    """
    return sorted(t for t in KnownTenants().read(connection) if t not in kept)


def needs_subject(connection: apsw.Connection, tenant: str, subject: bytes) -> bool:
    """Whether a memory that nobody erased has its key wrapped under a subject's."""
    sql = (
        "SELECT cube_key.subjects FROM subject JOIN head USING (cube_id) JOIN cube_key"
        f" USING (cube_id) WHERE subject.digest = ? AND cube_key.tenant = ? AND {_LIVE}"
    )
    return any(
        subject in split_subjects(joined) for (joined,) in rows(connection, sql, (subject, tenant))
    )


def keys_of_no_cube(connection: apsw.Connection) -> Iterator[bytes]:
    """The ids under which there is a key, and under which the log has made no memory."""
    sql = (
        "SELECT cube_id FROM main.cube_key WHERE NOT EXISTS (SELECT 1 FROM main.attempt WHERE"
        f" attempt.cube_id = cube_key.cube_id AND kind IN ({_MEMORIES}) AND result = 1)"
        " ORDER BY cube_id"
    )
    return (cube_id for (cube_id,) in rows(connection, sql))


def cubes_without_keys(
    connection: apsw.Connection, kept: Container[tuple[str, bytes]]
) -> Iterator[bytes]:
    """The memories that nobody erased and whose key, or one that it needs, is not there.

    Args:
        connection: of the vault.
        kept: the subjects whose keys are in its key file.
    """
    sql = (
        "SELECT head.cube_id FROM head LEFT JOIN cube_key USING (cube_id)"
        f" WHERE cube_key.cube_id IS NULL AND {_LIVE} AND EXISTS (SELECT 1 FROM attempt"
        f" WHERE attempt.cube_id = head.cube_id AND kind IN ({_MEMORIES}) AND result = 1)"
        " ORDER BY head.cube_id"
    )
    yield from (cube_id for (cube_id,) in rows(connection, sql))
    sql = (
        "SELECT cube_id, tenant, subjects FROM cube_key JOIN head USING (cube_id)"
        f" WHERE {_LIVE} ORDER BY cube_id"
    )
    for cube_id, tenant, joined in rows(connection, sql):
        if any((tenant, subject) not in kept for subject in split_subjects(joined)):
            yield cube_id
