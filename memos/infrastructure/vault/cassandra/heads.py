"""Heads as they are read: the cubes as they are now."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from heapq import merge
from typing import BinaryIO

from memos.infrastructure.batches import batched
from memos.infrastructure.cassandra.connection import Row
from memos.infrastructure.vault.cassandra.generation import IDS_AT_ONCE, VaultGeneration
from memos.infrastructure.vault.cassandra.stored import FoldedHead, checked_state
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.event import Position

SORTED_AT_ONCE = 50_000

Head = tuple[bytes, bytes, bytes]
"""Cube id, stored state, checksum."""


class Heads(VaultGeneration):
    """The rows of `head`."""

    def head(self, cube_id: bytes) -> CubeState | None:
        """The cube as it is now."""
        return self.heads_many((cube_id,)).get(cube_id)

    def heads_many(self, cube_ids: Iterable[bytes]) -> dict[bytes, CubeState]:
        """The cubes as they are now; those that do not exist are left out."""
        return {
            cube_id: checked_state(cube_id, state, check)
            for cube_id, state, check in self._of("cube_id, state, checksum", cube_ids)
        }

    def folded_heads(self, cube_ids: Iterable[bytes]) -> dict[bytes, FoldedHead]:
        """The cubes as they are now, and the last record folded into each."""
        columns = "cube_id, state, checksum, partition, offset, ordinal"
        return {
            cube_id: FoldedHead(checked_state(cube_id, state, check), Position(*at), ordinal)
            for cube_id, state, check, *at, ordinal in self._of(columns, cube_ids)
        }

    def erased_among(self, cube_ids: Iterable[bytes]) -> list[bytes]:
        """Those of some cubes that are erased, by a look at their lifecycles alone.

        For checks, which look at the heads themselves too: one that has no lifecycle is passed over.
        """
        cql = f"SELECT cube_id, lifecycle FROM {self.keyspace}.head WHERE cube_id IN ?"
        values = [(ids,) for ids in batched(dict.fromkeys(cube_ids), IDS_AT_ONCE)]
        found = self._store.concurrently(cql, values)
        return [
            cube_id
            for rows in found
            for cube_id, lifecycle in rows
            if lifecycle == Lifecycle.ERASED
        ]

    def head_positions(self, cube_ids: Iterable[bytes]) -> dict[bytes, Position]:
        """Where the last record folded into each cube stands; unknown cubes are left out."""
        return {
            cube_id: Position(partition, offset)
            for cube_id, partition, offset in self._of("cube_id, partition, offset", cube_ids)
        }

    def heads(self) -> Iterator[Head]:
        """Every head row, in id order: cube id, stored state, checksum; damaged ones too.

        Cassandra gives them in an order of its own, so they are sorted here: in memory, and on disk
        where there are many.
        """
        rows = self._store.stream(f"SELECT cube_id, state, checksum FROM {self.keyspace}.head")
        with ExitStack() as files:
            runs: list[Iterator[Head]] = []
            for run in batched(rows, SORTED_AT_ONCE):
                ordered: list[Head] = sorted((row[0], row[1] or b"", row[2] or b"") for row in run)
                if len(run) < SORTED_AT_ONCE:
                    runs.append(iter(ordered))
                else:
                    runs.append(_kept(files.enter_context(tempfile.TemporaryFile()), ordered))
            yield from merge(*runs)

    def _of(self, columns: str, cube_ids: Iterable[bytes]) -> Iterator[Row]:
        cql = f"SELECT {columns} FROM {{}}.head WHERE cube_id IN ?"
        distinct = dict.fromkeys(cube_ids)
        for rows in self._many(cql, ((ids,) for ids in batched(distinct, IDS_AT_ONCE))):
            yield from rows


_SIZES = struct.Struct(">HII")


def _kept(file: BinaryIO, rows: list[Head]) -> Iterator[Head]:
    """Put rows into a file, and read them from there one by one."""
    for row in rows:
        file.write(_SIZES.pack(*map(len, row)))
        file.writelines(row)
    file.seek(0)

    def read() -> Iterator[Head]:
        while sizes := file.read(_SIZES.size):
            cube_id, state, check = (file.read(size) for size in _SIZES.unpack(sizes))
            yield cube_id, state, check

    return read()
