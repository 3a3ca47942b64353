"""The sealed trees of a distributed log: signed heads, and proofs with leaves computed from it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from threading import Lock

from memos.infrastructure.engine.distributed.live_generation import LiveGeneration
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.distributed.tree_rows import TreeRows
from memos.infrastructure.engine.distributed.waiter import Waiter
from memos.infrastructure.engine.distributed.workers.seal import PROJECTION, origin_of
from memos.infrastructure.keys.signer import NoteSigner
from memos.infrastructure.reports import TreeHead
from memos.kernel.errors import Damaged, InvalidInput
from memos.kernel.event import Position, Record
from memos.kernel.leaf import leaf_of
from memos.kernel.merkle import (
    TILE_HEIGHT,
    TILE_WIDTH,
    Frontier,
    TiledNodes,
    consistency_proof,
    inclusion_proof,
)
from memos.kernel.note import Checkpoint

KEPT_TILES = 64


class DistributedProofs:
    """See `engine.port.Proofs`. A partition is proved as far as it is sealed. Safe for threads."""

    def __init__(self, stores: Stores, live: LiveGeneration) -> None:
        self._stores = stores
        self._live = live
        self._tiles: OrderedDict[tuple[int, int], list[bytes]] = OrderedDict()
        self._lock = Lock()

    def signer(self) -> NoteSigner:
        return self._stores.signer()

    def sign(self, partition: int = 0) -> TreeHead:
        """Sign a partition's tree, all that the log has of it now included.

        Raises:
            NotApplied: `memos worker seal` is not there in time.
        """
        ends = {partition: self._stores.logs.events.end()[partition]}
        waiter = Waiter(self._live.watch, self._stores.settings.wait_seconds)
        if ends[partition]:
            waiter.until_passed(PROJECTION, ends)
        rows = self._rows()
        tree, _ = rows.frontier(partition)
        checkpoint = Checkpoint(origin_of(self._stores, partition), tree.size, tree.root())
        note = self._stores.signer().sign(checkpoint.format())
        origin = checkpoint.origin.encode()
        self._stores.logs.checkpoints.append([(origin, note.encode())])
        rows.write_note(partition, tree.size, note)
        return TreeHead(tree.size, tree.root(), note)

    def record(self, position: Position) -> Record:
        """The record at a position, with the log time that its leaf has: it never falls.

        Raises:
            InvalidInput: there is no such record, or it is not sealed yet.
            Damaged: it is not in the log, or the seal before it is missing.
        """
        self._check(position.partition, position.offset + 1)
        tile = position.offset >> TILE_HEIGHT
        records = list(self._records(position.partition, tile, position.offset + 1))
        if not records or records[-1].position != position:
            raise Damaged(f"the record {position} is not in the log")
        return records[-1]

    def inclusion(self, position: Position, size: int) -> list[bytes]:
        """The path from a record to the root of the tree of its partition's first `size` records.

        Raises:
            InvalidInput: the tree is not sealed up to there.
            Damaged: the log's records are not those that were sealed.
        """
        self._check(position.partition, size)
        return inclusion_proof(self._nodes(position.partition), position.offset, size)

    def consistency(self, partition: int, old_size: int, size: int) -> list[bytes]:
        """The proof that a partition's tree of `size` records extends that of `old_size`.

        Raises:
            InvalidInput: the tree is not sealed up to there.
            Damaged: the log's records are not those that were sealed.
        """
        self._check(partition, size)
        return consistency_proof(self._nodes(partition), old_size, size)

    def _rows(self) -> TreeRows:
        return TreeRows(self._stores.cassandra, self._live().writer.keyspace)

    def _check(self, partition: int, size: int) -> None:
        sealed = self._rows().frontier(partition)[0].size
        if size > sealed:
            raise InvalidInput(
                f"partition {partition} is sealed up to {sealed} records, not {size}: see that "
                "`memos worker seal` runs, and try again"
            )

    def _nodes(self, partition: int) -> TiledNodes:
        rows = self._rows()

        def fetch(level: int, start: int, end: int) -> Sequence[bytes]:
            if level == 0:
                return self._leaves(partition, start, end)
            return rows.roots(partition, level, start, end)

        return TiledNodes(fetch)

    def _leaves(self, partition: int, start: int, end: int) -> Sequence[bytes]:
        """The leaves [start, end), which are of one tile and sealed."""
        tile = start >> TILE_HEIGHT
        first = tile << TILE_HEIGHT
        with self._lock:
            leaves = self._tiles.get((partition, tile))
        if leaves is None or len(leaves) < end - first:
            leaves = self._read(partition, tile, end)
            with self._lock:
                self._tiles[partition, tile] = leaves
                while len(self._tiles) > KEPT_TILES:
                    self._tiles.popitem(last=False)
        return leaves[start - first : end - first]

    def _read(self, partition: int, tile: int, end: int) -> list[bytes]:
        """A tile's leaves from the log: all of it, or up to `end` where the log is shorter."""
        first = tile << TILE_HEIGHT
        last = min(first + TILE_WIDTH, self._stores.logs.events.end()[partition])
        leaves = [
            leaf_of(record.position.offset, record.log_time, record.data)
            for record in self._records(partition, tile, last)
        ]
        if len(leaves) < end - first:
            raise Damaged(
                f"the records from {partition}:{first + len(leaves)} on are not in the log"
            )
        stored = self._rows().roots(partition, TILE_HEIGHT, tile, tile + 1)
        if stored and len(leaves) == TILE_WIDTH and stored[0] != _root(leaves):
            raise Damaged(
                f"the records {partition}:{first} to {partition}:{first + TILE_WIDTH - 1} are not "
                "those that were sealed: `memos verify` says which checkpoints still hold"
            )
        return leaves

    def _records(self, partition: int, tile: int, end: int) -> Iterator[Record]:
        """A tile's records from the log, up to `end`."""
        first = tile << TILE_HEIGHT
        log_time = self._rows().time_before(partition, tile)
        if log_time is None:
            raise Damaged(
                f"the seal of partition {partition} from record {first} on is missing: run "
                "`memos rebuild`"
            )
        return self._stores.logs.events.read(partition, first, end, log_time=log_time)


def _root(leaves: Sequence[bytes]) -> bytes:
    tree = Frontier()
    tree.extend(leaves)
    return tree.root()
