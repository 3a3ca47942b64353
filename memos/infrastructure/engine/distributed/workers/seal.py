"""The seal worker: a Merkle tree over every partition, and checkpoints of it, signed and published.

Leaf number n is the record at offset n. Leaves are not stored: whoever proves something computes
those of a tile from the log, and the tile's stored root says whether the log is still the same.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Lock

from memos.infrastructure.engine.distributed.stores import Generation, Stores
from memos.infrastructure.engine.distributed.tree_rows import TreeRows
from memos.infrastructure.engine.distributed.workers.port import Mark
from memos.infrastructure.keys.signer import NoteSigner, NoteVerifier
from memos.infrastructure.reports import Problem
from memos.kernel.errors import Damaged
from memos.kernel.event import Record
from memos.kernel.leaf import leaf_of
from memos.kernel.merkle import TILE_WIDTH, Frontier, TileRoot
from memos.kernel.note import Checkpoint, NoteError, open_note

PROJECTION = "seal"
SIGN_SECONDS = 5.0
SIGN_RECORDS = 100_000


def origin_of(stores: Stores, partition: int) -> str:
    """What a partition's checkpoints are of."""
    return f"{stores.origin}/{partition}"


class _Seal:
    """One partition: its mark, its tree, and what was signed last."""

    def __init__(self, mark: Mark, tree: Frontier, signed: int) -> None:
        self.mark = mark
        self.tree = tree
        self.signed = signed
        self.signed_at = time.monotonic()


class SealWorker:
    """See `workers.port.Worker`."""

    name = PROJECTION

    def __init__(self, stores: Stores, generation: Generation) -> None:
        self._stores = stores
        self._generation = generation
        self._rows = TreeRows(stores.cassandra, generation.writer.keyspace)
        self._signer: NoteSigner | None = None
        self._seals: dict[int, _Seal] = {}
        self._lock = Lock()

    @property
    def topic(self) -> str:
        return self._stores.logs.events.topic

    def assigned(self, partition: int) -> int:
        tree, log_time = self._rows.frontier(partition)
        checkpoint = self._generation.vault.checkpoints(PROJECTION).get(partition)
        mark = Mark() if checkpoint is None else Mark(*checkpoint)
        # A crash may lie between frontier and checkpoint: the frontier is what the next leaf needs,
        # and who waits for the checkpoint would wait for the next record.
        is_behind = mark.offset < tree.size
        mark = mark._replace(offset=tree.size, log_time=log_time)
        if is_behind:
            self._generation.writer.write_checkpoint(PROJECTION, partition, *mark)
        self._seals[partition] = _Seal(mark, tree, self._rows.last_note(partition))
        return tree.size

    def take(self, records: Sequence[Record]) -> None:
        self.seal(records)
        for partition in {record.position.partition for record in records}:
            if self._is_due(self._seals[partition]):
                self._publish(partition, self._seals[partition])

    def seal(self, records: Sequence[Record]) -> None:
        """Grow the tree by records of one partition, and sign nothing."""
        if not records:
            return
        partition = records[0].position.partition
        if partition not in self._seals:
            self.assigned(partition)
        self._grow(partition, self._seals[partition], records)

    def sign(self, partition: int) -> str:
        """Sign and publish a partition as far as it is sealed; the note."""
        if partition not in self._seals:
            self.assigned(partition)
        return self._publish(partition, self._seals[partition])

    def _grow(self, partition: int, seal: _Seal, records: Sequence[Record]) -> None:
        """Grow the tree; the seal is as it was where that fails."""
        tiles: list[TileRoot] = []
        times: dict[int, int] = {}
        tree = Frontier.from_bytes(seal.tree.to_bytes(), on_tile=tiles.append)
        mark = seal.mark
        for record in records:
            offset = record.position.offset
            if offset < mark.offset:
                continue
            if offset != tree.size:
                raise Damaged(
                    f"the records {tree.size} to {offset - 1} of partition {partition} are missing "
                    "in the log: see its retention with `memos doctor`"
                )
            if not offset % TILE_WIDTH:
                times[offset // TILE_WIDTH] = mark.log_time
            mark = mark.then(record)
            tree.push(leaf_of(offset, mark.log_time, record.data))
        if mark == seal.mark:
            return
        self._rows.write_tiles(partition, tiles, times)
        self._rows.write_frontier(partition, tree, mark.log_time)
        self._generation.writer.write_checkpoint(PROJECTION, partition, *mark)
        seal.tree, seal.mark = tree, mark

    def _is_due(self, seal: _Seal) -> bool:
        new = seal.tree.size - seal.signed
        late = time.monotonic() - seal.signed_at >= SIGN_SECONDS
        return new >= SIGN_RECORDS or (new > 0 and (late or not seal.signed))

    def _publish(self, partition: int, seal: _Seal) -> str:
        """The topic has a checkpoint before the row says that it was signed."""
        origin = origin_of(self._stores, partition)
        tree = seal.tree
        note = self._signing().sign(Checkpoint(origin, tree.size, tree.root()).format())
        self._stores.logs.checkpoints.append([(origin.encode(), note.encode())])
        self._rows.write_note(partition, tree.size, note)
        seal.signed, seal.signed_at = tree.size, time.monotonic()
        return note

    def _signing(self) -> NoteSigner:
        with self._lock:
            if self._signer is None:
                self._signer = self._stores.signer()
            return self._signer


class Seals:
    """Checks a partition's records, from its first, against every checkpoint that was signed.

    Those come from the log of checkpoints: a rebuild, which makes the rows anew, cannot hide that
    the log was changed.
    """

    def __init__(self, stores: Stores, generation: Generation, partition: int) -> None:
        self._partition = partition
        self._origin = origin_of(stores, partition)
        rows = TreeRows(stores.cassandra, generation.writer.keyspace)
        self._problems: list[Problem] = []
        try:
            self._stored, _ = rows.frontier(partition)
        except Damaged as error:
            self._stored = Frontier()
            self._problems.append(Problem(f"partition {partition}", str(error)))
        self._notes = self._published(stores)
        self._tree = Frontier()
        self._log_time = 0
        self.checked = 0
        """How many signed checkpoints the records agree with."""

    def push(self, record: Record) -> None:
        """The next record."""
        offset = record.position.offset
        if offset != self._tree.size:
            self._problems.append(
                Problem(
                    f"{self._partition}:{self._tree.size}",
                    f"the records up to {self._partition}:{offset - 1} are missing",
                )
            )
        self._log_time = max(self._log_time, record.log_time)
        self._tree.push(leaf_of(offset, self._log_time, record.data))
        size = self._tree.size
        if size in self._notes:
            self._compare(f"checkpoint {self._partition}/{size}", self._notes.pop(size))
        if size == self._stored.size and self._stored.root() != self._tree.root():
            self._problems.append(
                Problem(
                    f"partition {self._partition}",
                    f"its first {size} records do not give the root that was stored",
                )
            )

    def problems(self) -> list[Problem]:
        """What is wrong, once every record was pushed."""
        size = self._tree.size
        lost = max((*self._notes, self._stored.size), default=0)
        if lost > size:
            return [
                *self._problems,
                Problem(
                    f"partition {self._partition}",
                    f"{size} records are there of the {lost} that were sealed: some are lost",
                ),
            ]
        return self._problems

    def _compare(self, where: str, root: bytes) -> None:
        if root == self._tree.root():
            self.checked += 1
        else:
            self._problems.append(Problem(where, "the log is not the one that was signed"))

    def _published(self, stores: Stores) -> dict[int, bytes]:
        """The roots that were signed, by size; none where what it takes to check them is damaged."""
        try:
            verifier = NoteVerifier(stores.signer().verifier_key)
        except Damaged as error:
            what = f"none of its checkpoints could be checked: {error}"
            self._problems.append(Problem(f"partition {self._partition}", what))
            return {}
        roots: dict[int, bytes] = {}
        log = stores.logs.checkpoints
        for records in log.read_all(log.end()):
            for record in records:
                note = record.data.decode("utf-8", "replace")
                if not note.startswith(f"{self._origin}\n"):
                    continue
                try:
                    opened = Checkpoint.parse(open_note(note, [verifier]).text)
                except NoteError as error:
                    where = f"checkpoint record {record.position}"
                    what = f"the signed note does not open: {error}"
                    self._problems.append(Problem(where, what))
                    continue
                if roots.setdefault(opened.size, opened.root) != opened.root:
                    where = f"checkpoint {self._partition}/{opened.size}"
                    self._problems.append(Problem(where, "two different trees were signed"))
        return roots
