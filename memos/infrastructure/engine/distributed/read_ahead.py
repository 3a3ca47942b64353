"""Reading ahead: what a search is about to show, asked for together instead of one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor

from memos.infrastructure.batches import batched
from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.governance.usage.cassandra import UsageRows
from memos.infrastructure.governance.usage.usage import Usage
from memos.infrastructure.keys.cassandra.cube_keys import CassandraCubeKeys
from memos.infrastructure.vault.cassandra.stored import Stored
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.port import Attempt, LogQuery
from memos.kernel.event import Position, Record
from memos.kernel.lineage import Edge
from memos.kernel.moment import NEWEST, At

HISTORIES_AT_ONCE = 200
"""Cubes of which all records are in memory at once."""


class VaultAhead(CassandraVault):
    """The vault as one reading sees it: what was read ahead is not asked for again."""

    def __init__(
        self,
        store: CassandraSession,
        generation: int,
        usage: UsageRows,
        cube_keys: CassandraCubeKeys,
        threads: Executor,
    ) -> None:
        super().__init__(store, generation)
        self._threads = threads
        self._usage = usage
        self._cube_keys = cube_keys
        self._states: dict[tuple[bytes, At], Stored | None] = {}
        self._records: dict[tuple[bytes, int], Record] = {}
        self._created: dict[bytes, int] = {}
        self._uses: dict[bytes, Usage] = {}
        self._latest: Record | None = None
        self._attempts: dict[bytes, list[Attempt]] = {}
        self._edges: dict[tuple[bytes, bool], list[Edge]] = {}

    def read_ahead(self, cube_ids: Sequence[bytes], at: At) -> None:
        """Read cubes at a moment, with all that showing them takes, side by side."""
        missing = [cube_id for cube_id in cube_ids if (cube_id, at) not in self._states]
        if not missing:
            return
        usages = self._threads.submit(self._usage.usages, missing)
        keys = self._threads.submit(self._cube_keys.keys, missing)
        states = self.states_at(missing, at)
        for cube_id in missing:
            stored = states.get(cube_id)
            self._states[cube_id, at] = stored
            if stored is not None and stored.attempt.outcome.digest:
                version = stored.attempt.outcome.version
                self._records[cube_id, version] = stored.record
        self._created.update(self.created_many(states.values()))
        used = usages.result()
        self._uses.update((cube_id, used.get(cube_id, Usage())) for cube_id in missing)
        keys.result()  # they are kept where they are asked for

    def read_histories_ahead(self, cube_ids: Sequence[bytes]) -> None:
        """Read the attempts on cubes, and their edges, together."""
        missing = [cube_id for cube_id in cube_ids if cube_id not in self._attempts]
        for part in batched(missing, HISTORIES_AT_ONCE):
            self._attempts |= self.attempts_many(part)
            for downstream in (True, False):
                for cube_id, edges in self.edges_many(part, downstream=downstream).items():
                    self._edges[cube_id, downstream] = edges

    def attempts(self, cube_id: bytes, at: At = NEWEST) -> list[Attempt]:
        if at == NEWEST and cube_id in self._attempts:
            return self._attempts[cube_id]
        return super().attempts(cube_id, at)

    def edges(self, cube_id: bytes, *, downstream: bool, version: int | None = None) -> list[Edge]:
        ahead = self._edges.get((cube_id, downstream))
        if ahead is None:
            return super().edges(cube_id, downstream=downstream, version=version)
        ends = (edge.source if downstream else edge.derived for edge in ahead)
        return [edge for edge, end in zip(ahead, ends, strict=True) if version in (None, end[1])]

    def query(self, query: LogQuery) -> Iterator[Attempt]:
        """The attempts that a log query wants; the event of the last one is at hand."""
        for stored in self.records(query):
            self._latest = stored.record
            yield stored.attempt

    def data_of(self, position: Position) -> bytes | None:
        latest = self._latest
        if latest is not None and latest.position == position:
            return latest.data
        return super().data_of(position)

    def state_at(self, cube_id: bytes, at: At = NEWEST) -> Attempt | None:
        if (cube_id, at) in self._states:
            stored = self._states[cube_id, at]
            return None if stored is None else stored.attempt
        return super().state_at(cube_id, at)

    def event(self, cube_id: bytes, version: int) -> Record | None:
        ahead = self._records.get((cube_id, version))
        return super().event(cube_id, version) if ahead is None else ahead

    def created(self, cube_id: bytes) -> int:
        ahead = self._created.get(cube_id)
        return super().created(cube_id) if ahead is None else ahead

    def usage(self, cube_id: bytes) -> Usage:
        """How often and when last a cube was used."""
        ahead = self._uses.get(cube_id)
        return self._usage.usage(cube_id) if ahead is None else ahead
