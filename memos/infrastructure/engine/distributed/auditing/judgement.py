"""Which differences between a generation and a fresh fold are wrong, and what is said of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memos.infrastructure.engine.distributed.auditing.settled import Ends, is_settled
from memos.infrastructure.engine.distributed.stores import Generation
from memos.infrastructure.engine.distributed.workers.seal import PROJECTION as SEAL
from memos.infrastructure.index.postings import as_indexed_then
from memos.infrastructure.reports import Problem
from memos.infrastructure.vault.cassandra import terms
from memos.infrastructure.vault.cassandra.comparison import FOLLOWING, Difference, Stored
from memos.kernel.cube import CubeState
from memos.kernel.event import id_text
from memos.kernel.lifespan import earliest_end, still_ends
from memos.kernel.state import checksum, rewritten

_CUBES = ("cube_id", "derived_cube")
_TAKEN_AWAY = frozenset({"span", "usage", "erasing"})


def counts(fresh: Generation, difference: Difference, ends: Ends) -> bool:
    """Whether the live row, `one`, should be what the fold gave, `other`, and is not."""
    table, one, other = difference.table.name, difference.one, difference.other
    if one is not None and other is not None:
        if _as_today(table, one) == _as_today(table, _as_then(table, one, other)):
            return False
        if table == "checkpoint":  # where it is was compared before; here what it says of that
            return bool(one["offset"] == other["offset"])
    elif table == "checkpoint":
        return False
    # What is written once is never another, and what is too many is so when the whole log is folded.
    judged = (one, other) if table in FOLLOWING else (other,)
    settled = all(row is None or is_settled(table, row, ends) for row in judged)
    return settled and _is_needed(fresh, table, difference)


def may_follow(difference: Difference) -> bool:
    """Whether a row may be missing as an erase takes it away from outside the fold."""
    return difference.one is None and difference.table.name in _TAKEN_AWAY


def problem_of(difference: Difference) -> Problem:
    """What is said of a difference."""
    table, key = difference.table, difference.key
    named = dict(zip(table.key, key, strict=True))
    told = ", ".join(f"{name} {_told(value)}" for name, value in named.items())
    row: Mapping[str, Any] = {**named, **(difference.other or {}), **(difference.one or {})}
    cube = next((row[name] for name in _CUBES if row.get(name)), None)
    where = table.name if cube is None else f"cube {id_text(cube)}"
    if difference.one is None:
        what = "is not stored, though the log gives it"
    elif difference.other is None:
        what = "is stored, and the log does not give it"
    else:
        wrong = ", ".join(_unlike(difference.one, difference.other))
        what = f"is not what the log gives ({wrong})"
    return Problem(where, f"the row of {table.name} with {told} {what}: run `memos rebuild`")


def _as_today(table: str, row: Stored) -> Stored:
    """States were stored by earlier releases too: what they say is compared, not their bytes."""
    if table == "head":
        is_checked = checksum(row["state"] or b"") == row["checksum"]
        return {**row, "state": rewritten(row["state"]), "checksum": is_checked}
    if table == "attempt":
        return {**row, "state": rewritten(row["state"])}
    if table == "checkpoint" and row["projection"] == SEAL:
        return {**row, "ordinal": None}  # of leaves; one that was killed does not bring it up
    return row


def _as_then(table: str, one: Stored, other: Stored) -> Stored:
    """What the fold gives of a text, as the release indexed it that stored the row."""
    if table == "span" and one["terms"] is not None and other["terms"] is not None:
        return {**other, "terms": as_indexed_then(one["terms"], other["terms"])}
    return other


def _is_needed(fresh: Generation, table: str, difference: Difference) -> bool:
    """Hints are written once a batch, and batches differ: what a head does not confirm is none."""
    key = dict(zip(difference.table.key, difference.key, strict=True))
    if table == "ending":
        return difference.one is None and _ends_at(_head(fresh, key["cube_id"])) == key["ends"]
    if table == "erasing":
        head = _head(fresh, key["cube_id"])
        return difference.one is None and head is not None and head.erasing == key["operation_id"]
    if table == "posting" and key["term"] == terms.ENDING:
        partition, period = key["partition"], key["bucket"]
        return difference.one is None and _something_ends(fresh, partition, period)
    return True


def _something_ends(fresh: Generation, partition: int, period: int) -> bool:
    hints = fresh.vault.ending_hints(partition, period)
    return any(_ends_at(_head(fresh, cube_id)) == ends for ends, cube_id in hints)


def _head(fresh: Generation, cube_id: bytes) -> CubeState | None:
    return fresh.vault.head(cube_id)


def _ends_at(state: CubeState | None) -> int | None:
    if state is None or not still_ends(state.header.lifespan, state.lifecycle):
        return None
    return earliest_end(state.header.lifespan)


def _unlike(one: Stored, other: Stored) -> list[str]:
    return [name for name in one if one[name] != other[name]]


def _told(value: object) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)
