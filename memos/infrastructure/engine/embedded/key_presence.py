"""Which keys an embedded vault needs, and does not have."""

from __future__ import annotations

from collections.abc import Container, Iterator

import apsw

from memos.infrastructure.engine.replay import CREATING
from memos.infrastructure.keys.envelope import split_subjects
from memos.infrastructure.sqlite.database import row, rows
from memos.kernel.cube import Lifecycle

_LIVE = f"head.lifecycle <> {Lifecycle.ERASED:d} AND head.erasing = x''"
_MEMORIES = ", ".join(str(int(kind)) for kind in sorted(CREATING))


def needs_tenant(connection: apsw.Connection, tenant: str) -> bool:
    """Whether texts of a tenant are indexed under its key."""
    sql = "SELECT 1 FROM index_scope WHERE path = ? OR (path > ? AND path < ?) LIMIT 1"
    return row(connection, sql, (tenant, f"{tenant}/", f"{tenant}0")) is not None


def needs_subject(connection: apsw.Connection, tenant: str, subject: bytes) -> bool:
    """Whether a memory that nobody erased has its key wrapped under a subject's."""
    sql = (
        "SELECT cube_key.subjects FROM subject JOIN head USING (cube_id) JOIN cube_key"
        f" USING (cube_id) WHERE subject.digest = ? AND cube_key.tenant = ? AND {_LIVE}"
    )
    return any(
        subject in split_subjects(joined) for (joined,) in rows(connection, sql, (subject, tenant))
    )


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
