"""Usage in SQLite: folded as accesses are appended, inside the vault's write transaction."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import apsw

from memos.infrastructure.governance.usage.usage import (
    Usage,
    access_in,
    checked_usage,
    counts_as_use,
    cubes_of,
    digest_of_usage,
    used_at,
    used_until,
)
from memos.infrastructure.sqlite.statements import row, rows
from memos.kernel.cube import Lifecycle
from memos.kernel.errors import Damaged
from memos.kernel.moment import NEWEST
from memos.wire.access_pb2 import AccessEvent

_BEYOND = 2**62
"""More than any log counts."""


def access_size(connection: apsw.Connection) -> int:
    """The number of records on the access log. A position that no log comes to is damage, behind which
    the others go on.
    """
    last = row(connection, "SELECT max(position) FROM access WHERE position < ?", (_BEYOND,))
    return 0 if last is None or last[0] is None else int(last[0]) + 1


def usage_of(connection: apsw.Connection, cube_id: bytes) -> Usage:
    """How often and when last a cube was used."""
    return Usage(*usage_row(connection, cube_id)[:2])


def usage_until(connection: apsw.Connection, cube_id: bytes, time: int) -> Usage:
    """How a cube was used up to a time (microseconds), from the access log itself."""
    return used_until(time, accesses_holding(connection, cube_id)).get(cube_id, Usage())


def accesses_holding(connection: apsw.Connection, holding: bytes) -> Iterator[AccessEvent]:
    """The accesses whose records hold some bytes, in order; empty for all."""
    narrowed, values = (" WHERE instr(data, ?)", (holding,)) if holding else ("", ())
    sql = f"SELECT data FROM access{narrowed} ORDER BY position"
    return (access_in(data) for (data,) in rows(connection, sql, values))


def usage_digest(connection: apsw.Connection) -> str:
    """SHA-256 over (cube id, uses, last used) of every cube ever used, in id order."""
    sql = "SELECT cube_id, uses, last_used FROM usage ORDER BY cube_id"
    return digest_of_usage(
        (cube_id, *checked_usage(cube_id, uses, last))
        for cube_id, uses, last in rows(connection, sql)
    )


def fold_accesses(writer: apsw.Connection, log_time: int, accesses: Sequence[AccessEvent]) -> None:
    """Append records to the access log, and fold them, inside the write transaction."""
    position = access_size(writer)
    usage: dict[bytes, tuple[int, int, int]] = {}
    stored = []
    for access in accesses:
        stored.append((position, log_time, access.SerializeToString()))
        for cube in access.cubes if counts_as_use(access.action, access.rule) else ():
            before = usage.get(cube.cube_id) or _usage_before(writer, cube.cube_id)
            usage[cube.cube_id] = (*used_at(*before[:2], access.client_time), position)
        position += 1
    writer.executemany("INSERT INTO access VALUES (?, ?, ?)", stored)
    writer.executemany(
        "INSERT OR REPLACE INTO usage VALUES (?, ?, ?, ?)",
        [(cube_id, *folded) for cube_id, folded in usage.items()],
    )
    # What was read before an erase may be written behind it.
    writer.executemany(
        "DELETE FROM usage WHERE cube_id = ? AND"
        " (SELECT lifecycle FROM head WHERE head.cube_id = usage.cube_id) = ?",
        [(cube_id, int(Lifecycle.ERASED)) for cube_id in usage],
    )


def forget_usage(writer: apsw.Connection, cube_ids: Iterable[bytes]) -> None:
    """Drop the usage of erased cubes, inside the write transaction."""
    writer.executemany("DELETE FROM usage WHERE cube_id = ?", [(cube_id,) for cube_id in cube_ids])


def refold_usage(writer: apsw.Connection) -> None:
    """Fold usage from the access log again, inside the write transaction."""
    writer.execute("DELETE FROM usage")
    usage: dict[bytes, tuple[int, int, int]] = {}
    for position, data in rows(writer, "SELECT position, data FROM access ORDER BY position"):
        event = access_in(data)
        if counts_as_use(event.action, event.rule):
            for cube_id in cubes_of(event):
                uses, last, _ = usage.get(cube_id, (0, 0, 0))
                usage[cube_id] = (*used_at(uses, last, event.client_time), position)
    writer.executemany(
        "INSERT INTO usage VALUES (?, ?, ?, ?)",
        [(cube_id, *folded) for cube_id, folded in usage.items()],
    )


def forget_erased(writer: apsw.Connection) -> None:
    """Drop the usage of every erased cube, inside the write transaction: a fold of the access log
    from its first record brings it back.
    """
    writer.execute(
        "DELETE FROM usage WHERE cube_id IN (SELECT cube_id FROM head WHERE lifecycle = ?)",
        (int(Lifecycle.ERASED),),
    )


def usage_row(connection: apsw.Connection, cube_id: bytes) -> tuple[int, int, int]:
    """(uses, last used, access position) of a cube; zeros where it was never used.

    Raises:
        Damaged: they are none.
    """
    sql = "SELECT uses, last_used, position FROM usage WHERE cube_id = ?"
    stored = row(connection, sql, (cube_id,))
    if stored is None:
        return 0, 0, 0
    uses, last_used, position = stored
    return *checked_usage(cube_id, uses, last_used), position


def _usage_before(writer: apsw.Connection, cube_id: bytes) -> tuple[int, int, int]:
    """The usage that the next access of a cube is folded into. Where it is damaged it is folded again
    from the access log: it holds up nobody else's.
    """
    try:
        return usage_row(writer, cube_id)
    except Damaged:
        used = used_until(NEWEST, accesses_holding(writer, cube_id)).get(cube_id, Usage())
        return *used, 0
