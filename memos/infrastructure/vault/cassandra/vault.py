"""The vault in Cassandra, as its readers see it."""

from __future__ import annotations

from collections.abc import Sequence

from google.protobuf.message import DecodeError

from memos.infrastructure.batches import batched
from memos.infrastructure.cassandra.connection import Row
from memos.infrastructure.log.ancestry import MIGRATED_CUTS, cuts_in
from memos.infrastructure.vault.cassandra import terms
from memos.infrastructure.vault.cassandra.generation import IDS_AT_ONCE
from memos.infrastructure.vault.cassandra.heads import Heads
from memos.infrastructure.vault.cassandra.log_query import LogQueries
from memos.infrastructure.vault.cassandra.stored import checked_state
from memos.infrastructure.vault.cassandra.tables import BUCKET, PERIOD
from memos.infrastructure.vault.port import Vault
from memos.kernel.cube import Lifecycle
from memos.kernel.errors import Damaged
from memos.kernel.event import Position, id_text
from memos.kernel.lifespan import still_ends
from memos.kernel.lineage import Edge, Relation, standing
from memos.kernel.moment import Cutoffs
from memos.kernel.scope import bounds_under, tenant_of
from memos.wire.event_pb2 import CutNamed

PAGE = 1000
_ENDS = {"source": 1, "derived": 3}
"""The columns of an edge's row that name the cubes at its ends."""


class CassandraVault(Heads, LogQueries, Vault):
    """The vault of the distributed engine, as its workers have folded it so far.

    Safe for threads. It reads the generation that was live when it was made: make another one after
    a switch. Every method raises StoreUnavailable where Cassandra does not answer.
    """

    def edges(self, cube_id: bytes, *, downstream: bool, version: int | None = None) -> list[Edge]:
        """The edges from the cube's sources, or to what was derived from it.

        Raises:
            Damaged: one is none.
        """
        cql, end = _edges_of(downstream)
        if version is None:
            rows = self._rows(f"{cql} = ?", (cube_id,))
        else:
            rows = self._rows(f"{cql} = ? AND {end}_version = ?", (cube_id, version))
        made = _edges(cube_id, rows)
        heads = self.heads_many(edge.derived[0] for edge in made)
        return list(standing(made, heads.get))

    def edges_many(self, cube_ids: Sequence[bytes], *, downstream: bool) -> dict[bytes, list[Edge]]:
        """The edges of several cubes, asked for together; see `edges`."""
        cql, end = _edges_of(downstream)
        found: dict[bytes, list[Row]] = {cube_id: [] for cube_id in cube_ids}
        groups = ((ids,) for ids in batched(found, IDS_AT_ONCE))
        for rows in self._many(f"{cql} IN ?", groups):
            for row in rows:
                found[row[_ENDS[end]]].append(row)
        made = {cube_id: _edges(cube_id, rows) for cube_id, rows in found.items()}
        heads = self.heads_many(edge.derived[0] for edges in made.values() for edge in edges)
        return {cube_id: list(standing(edges, heads.get)) for cube_id, edges in made.items()}

    def cubes_of_subjects(self, subjects: Sequence[bytes]) -> list[bytes]:
        """The cubes that carry one of these subjects' digests, in id order."""
        cql = "SELECT cube_id FROM {}.subject WHERE digest = ? AND partition = ?"
        partitions = self._partitions()
        values = [(digest, partition) for digest in subjects for partition in partitions]
        return sorted({cube_id for rows in self._many(cql, values) for (cube_id,) in rows})

    def cubes_in_scope(self, scope: str) -> list[bytes]:
        """The cubes at or under a scope, in id order."""
        tenant = tenant_of(scope)
        key = [(tenant, partition) for partition in self._partitions()]
        select = "SELECT cube_id FROM {}.scope WHERE tenant = ? AND partition = ?"
        if scope == tenant:
            results = self._many(select, key)
        else:
            # '0' follows '/' in ASCII.
            under = f"{select} AND scope > ? AND scope < ?"
            results = self._many(f"{select} AND scope = ?", [(*place, scope) for place in key])
            results += self._many(under, [(*place, *bounds_under(scope)) for place in key])
        return sorted(cube_id for rows in results for (cube_id,) in rows)

    def tenants(self) -> set[str]:
        """The tenants of whom there is anything."""
        places = self._stream("SELECT DISTINCT tenant, partition FROM {}.scope")
        return {tenant for tenant, _ in places}

    def has_cuts(self) -> bool:
        """Whether a moment of this log was ever named."""
        return bool(self._rows("SELECT name FROM {}.cut LIMIT 1"))

    def cut(self, name: str) -> tuple[Position, ...] | None:
        """The positions of a named cut; None where there is none of that name."""
        migrated = self._migrated_cuts().get(name)
        if migrated is not None:
            return migrated
        cuts = self._rows("SELECT positions FROM {}.cut WHERE name = ?", (name,))
        return _positions(cuts[0][0]) if cuts else None

    def cuts(self) -> dict[str, tuple[Position, ...]]:
        """Every named cut and its positions, by name."""
        named = self._stream("SELECT name, positions FROM {}.cut")
        cuts = {name: _positions(positions) for name, positions in named}
        return dict(sorted((cuts | self._migrated_cuts()).items()))

    def _migrated_cuts(self) -> dict[str, tuple[Position, ...]]:
        """Cuts of the log before this one, whose events tell of positions there."""
        table = f"{self._store.settings.keyspace}.setting"
        setting = self._store.execute(f"SELECT value FROM {table} WHERE name = ?", (MIGRATED_CUTS,))
        cuts = cuts_in(setting[0][0] if setting else "")
        return {name: tuple(Position(*at) for at in cut.items()) for name, cut in cuts.items()}

    def ending(self, now: int) -> list[bytes]:
        """The cubes whose lifespan may be over at `now`, in any state that something can end."""
        periods = self._rows(
            "SELECT partition, bucket FROM {}.posting WHERE term = ?", (terms.ENDING,)
        )
        cql = "SELECT cube_id FROM {}.ending WHERE partition = ? AND period = ? AND ends <= ?"
        values = [(at, period, now) for at, period in periods if period <= now // PERIOD]
        hinted = {cube_id for rows in self._many(cql, values) for (cube_id,) in rows}
        confirmed = self._of("cube_id, ends, state, checksum", hinted)
        heads = (checked_state(row[0], row[2], row[3]) for row in confirmed if row[1] <= now)
        return sorted(
            head.cube_id for head in heads if still_ends(head.header.lifespan, head.lifecycle)
        )

    def ending_hints(self, partition: int, period: int) -> list[tuple[int, bytes]]:
        """(ends, cube) of a period of `tables.PERIOD`, as they are hinted; see `ending`."""
        cql = "SELECT ends, cube_id FROM {}.ending WHERE partition = ? AND period = ?"
        return [(ends, cube_id) for ends, cube_id in self._rows(cql, (partition, period))]

    def erasing(self) -> list[bytes]:
        """The erase operations that were asked for and have not come to an end."""
        cql = "SELECT cube_id FROM {}.erasing WHERE partition = ?"
        hinted = {
            cube_id
            for rows in self._many(cql, [(partition,) for partition in self._partitions()])
            for (cube_id,) in rows
        }
        operations: set[bytes] = set()
        for ids in batched(hinted, PAGE):
            for row in self._of("cube_id, erasing, lifecycle", ids):
                if row[1] and row[2] != Lifecycle.ERASED:
                    operations.add(row[1])
        return sorted(operations)

    def cutoffs(self, cut: Sequence[Position]) -> Cutoffs:
        """The moment of a cut: of each partition the ordinal of the last record before it."""
        cql = "SELECT ordinal FROM {}.record WHERE partition = ? AND bucket = ? AND offset = ?"
        last = {at.partition: at.offset - 1 for at in cut if at.offset > 0}
        values = [(partition, offset // BUCKET, offset) for partition, offset in last.items()]
        ordinals = [-1] * (max((at.partition for at in cut), default=-1) + 1)
        for partition, rows in zip(last, self._many(cql, values), strict=True):
            if rows:
                ordinals[partition] = rows[0][0]
        return Cutoffs(ordinals)

    def _partitions(self) -> list[int]:
        return sorted(self.checkpoints())


def _edges_of(downstream: bool) -> tuple[str, str]:
    """The begin of a statement that selects the edges of cubes, and at which of their ends these are."""
    table, end = ("edge_out", "source") if downstream else ("edge_in", "derived")
    cql = (
        "SELECT relation, source_cube, source_version, derived_cube, derived_version,"
        f" source_digest, ordinal FROM {{}}.{table} WHERE {end}_cube"
    )
    return cql, end


def _edges(cube_id: bytes, rows: list[Row]) -> list[Edge]:
    """The edges of rows, in log order."""
    rows.sort(key=lambda row: (row[6], row[0], row[1], row[3]))
    try:
        return [
            Edge(Relation(relation), (source, at), (derived, then), digest)
            for relation, source, at, derived, then, digest, _ in rows
        ]
    except ValueError as error:
        raise Damaged(
            f"an edge of cube {id_text(cube_id)} is damaged ({error}): run `memos rebuild`"
        ) from None


def _positions(stored: bytes) -> tuple[Position, ...]:
    try:
        cut = CutNamed.FromString(stored)
    except (DecodeError, TypeError) as error:
        raise Damaged(f"a named cut is damaged ({error}): run `memos rebuild`") from None
    return tuple(Position(at.partition, at.offset) for at in cut.positions)
