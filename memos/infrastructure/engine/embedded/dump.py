"""One moment of an embedded vault, for a dump."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from memos.infrastructure.engine.dump import PROGRESS_EVERY, DumpEnd, DumpSelection, EventLine
from memos.infrastructure.engine.embedded import figures
from memos.infrastructure.engine.embedded.reader import EmbeddedReader
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.governance.usage.sqlite import access_size
from memos.infrastructure.governance.usage.usage import is_access
from memos.infrastructure.log.ancestry import MIGRATED_CUTS, FirstPlace, cuts_in
from memos.infrastructure.log.sqlite import PARTITION, read_record, stored_tree, tree_nodes
from memos.infrastructure.progress import Progress
from memos.infrastructure.sqlite.statements import row, rows
from memos.infrastructure.vault.port import Attempt
from memos.infrastructure.vault.sqlite.reader import scope_condition, scope_values
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.digest import cube_digest, vault_digest
from memos.kernel.errors import Damaged
from memos.kernel.event import id_text
from memos.kernel.leaf import leaf_of
from memos.kernel.merkle import root
from memos.kernel.moment import At
from memos.kernel.state import state_from_bytes


class EmbeddedDump:
    """See `engine.dump.Dumpable`. The moment is that of the reading."""

    def __init__(self, stores: EmbeddedStores, reader: EmbeddedReader) -> None:
        self._stores = stores
        self.reader = reader
        self._connection = reader.connection
        self._tree = stored_tree(reader.connection)
        self.at: At = self._tree.size - 1
        self._part_end: int | None = None

    def read_ahead(self, cube_ids: Sequence[bytes]) -> None:
        """What is in a file is read when it is asked for."""

    def state(self, cube_id: bytes) -> CubeState:
        state = self.reader.vault.head(cube_id)
        if state is None:
            raise Damaged(f"cube {id_text(cube_id)} has records but no head: run `memos rebuild`")
        return state

    def erased(self, selection: DumpSelection) -> Iterator[Attempt]:
        sql, values = _scoped(
            f"SELECT cube_id FROM head WHERE lifecycle = {Lifecycle.ERASED:d}", selection
        )
        for (cube_id,) in rows(self._connection, f"{sql} ORDER BY cube_id", values):
            erased = self.reader.vault.state_at(cube_id)
            if erased is not None and selection.accepts(self.state(cube_id)):
                yield erased

    def lines(self, selection: DumpSelection, progress: Progress) -> Iterator[EventLine]:
        is_part = selection.chosen is not None
        start = 0 if selection.since is None else selection.since.size
        lines = self._chosen(selection) if is_part else self._all(start)
        total = 0 if is_part else self._tree.size - start
        if is_part:
            self._part_end = 0
        sql = "SELECT origin, first_offset, first_log_time FROM migrated WHERE offset = ?"
        for done, line in enumerate(lines):
            place = row(self._connection, sql, (line.offset,))
            yield line._replace(first=None if place is None else FirstPlace(*place))
            if is_part:
                self._part_end = line.offset + 1
            if not done % PROGRESS_EVERY:
                progress(done, total)

    def tree(self) -> tuple[int, bytes]:
        if self._part_end is None:
            return self._tree.size, self._tree.root()
        return self._part_end, root(tree_nodes(self._connection), self._part_end)

    def cuts(self) -> Mapping[str, int]:
        cuts = cuts_in(self._stores.setting(MIGRATED_CUTS))
        return {name: cut[PARTITION] for name, cut in cuts.items()}

    def digest(self, selection: DumpSelection) -> str:
        if selection.chosen is None:
            return figures.digest(self.reader.vault)
        states = (state_from_bytes(stored) for _, stored, _ in self.reader.vault.heads())
        return vault_digest(
            (state.cube_id, cube_digest(state)) for state in states if selection.accepts(state)
        )

    def accesses(self, since: DumpEnd | None = None) -> Iterator[tuple[int, bytes]]:
        sql = "SELECT log_time, data FROM access WHERE position >= ? ORDER BY position"
        start = 0 if since is None else since.accesses[PARTITION]
        for log_time, data in rows(self._connection, sql, (start,)):
            if is_access(data):  # what is none counts for nothing, and no vault takes it in
                yield log_time, data

    def ended(self) -> DumpEnd:
        size = self._tree.size
        tail = self._tail(size)
        return DumpEnd(
            {PARTITION: size},
            {} if tail is None else {PARTITION: tail[0]},
            {PARTITION: access_size(self._connection)},
            0 if tail is None else tail[1],
            self._tree.to_bytes(),
        )

    def goes_on_from(self, end: DumpEnd) -> bool:
        tail = self._tail(end.size)
        return end.tails == ({} if tail is None else {PARTITION: tail[0]})

    def _tail(self, size: int) -> tuple[bytes, int] | None:
        """The leaf hash of the last of so many records, and its log time."""
        record = read_record(self._connection, size - 1)
        if record is None:
            return None
        return leaf_of(size - 1, record.log_time, record.data), record.log_time

    def erasures(self) -> Iterator[tuple[bytes, str]]:
        sql = "SELECT operation_id, receipt FROM erasure ORDER BY operation_id"
        return ((operation_id, receipt) for operation_id, receipt in rows(self._connection, sql))

    def _all(self, start: int) -> Iterator[EventLine]:
        sql = (
            "SELECT offset, event.log_time, coalesce(sequence, 0), data"
            " FROM event LEFT JOIN attempt ON position = offset WHERE offset >= ? ORDER BY offset"
        )
        return (EventLine(*line) for line in rows(self._connection, sql, (start,)))

    def _chosen(self, selection: DumpSelection) -> Iterator[EventLine]:
        sql, values = _scoped("SELECT position, cube_id, sequence FROM attempt WHERE 1", selection)
        for offset, cube_id, sequence in rows(self._connection, f"{sql} ORDER BY position", values):
            if not sequence or not selection.accepts(self.state(cube_id)):
                continue  # sequence 0: refused before there was a cube
            record = read_record(self._connection, offset)
            if record is None:
                raise Damaged(f"the log has no record at 0:{offset}: run `memos verify`")
            yield EventLine(offset, record.log_time, sequence, record.data)


def _scoped(sql: str, selection: DumpSelection) -> tuple[str, tuple[object, ...]]:
    """A statement that ends in a condition, narrowed to the selection's scope."""
    if selection.scope is None:
        return sql, ()
    return f"{sql} AND {scope_condition('scope')}", scope_values(selection.scope)
