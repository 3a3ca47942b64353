"""Reading a distributed vault: Cassandra for what is, the tenant's index in memory for search."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from memos.infrastructure.engine.distributed.binding_watch import READ_PATIENCE_SECONDS
from memos.infrastructure.engine.distributed.live_generation import LiveGeneration
from memos.infrastructure.engine.distributed.read_ahead import VaultAhead
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.reader import has_no_key
from memos.infrastructure.governance.usage.usage import Usage, access_in, used_until
from memos.infrastructure.index.cassandra.index import CassandraIndex
from memos.infrastructure.index.cassandra.view import CassandraView
from memos.infrastructure.index.port import Ints, Order, Piece, View, Within, places
from memos.infrastructure.keys.cassandra.cube_keys import CassandraCubeKeys
from memos.infrastructure.keys.envelope import open_body
from memos.infrastructure.log.kafka.first_place import origin_of
from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.kernel.errors import Damaged, Unreadable
from memos.kernel.event import Position, Undecodable, decode, id_text
from memos.kernel.moment import At, Moment, last_at, time_of
from memos.wire.access_pb2 import AccessEvent
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event

THREADS = 4
"""How many requests of one process read ahead side by side."""


class DistributedReader:
    """See `engine.reader.Reader`. Each read sees what is folded and indexed when it is made."""

    def __init__(
        self,
        vault: VaultAhead,
        cube_keys: CassandraCubeKeys,
        index: CassandraIndex,
        logs: KafkaLogs,
    ) -> None:
        self.vault = vault
        self._cube_keys = cube_keys
        self._index = index
        self._logs = logs
        self._used_until: dict[int, dict[bytes, Usage]] = {}

    def event(self, position: Position) -> Event:
        data = self.vault.data_of(position)
        if data is None:
            raise Damaged(f"the vault has no record at {position}: call `memory.audit()`")
        try:
            return decode(data)
        except Undecodable as error:
            raise Damaged(
                f"the record at {position} is damaged ({error}): call `memory.audit()`"
            ) from None

    def origin_of(self, position: Position) -> str:
        return origin_of(self._logs.events, position)

    def body(self, cube_id: bytes, version: int, at: Position | None = None) -> Body | None:
        if version == 0:
            return Body()
        key = self.cube_key(cube_id)
        if key is None:
            return None
        record = self.vault.event(cube_id, version)
        if record is None:
            raise Damaged(
                f"nothing says which record made version {version} of cube {id_text(cube_id)}: "
                "run `memos rebuild`"
            )
        event = decode(record.data)
        try:
            return open_body(key, event) if event.HasField("body") else Body()
        except Unreadable as error:
            raise Unreadable(f"the record at {record.position} cannot be read: {error}") from None
        except Damaged as error:
            raise Damaged(f"the record at {record.position} does not open: {error}") from None

    def cube_key(self, cube_id: bytes) -> bytes | None:
        key = self._cube_keys.key(cube_id)
        if key is None and not has_no_key(self.vault.head(cube_id)):
            raise self._cube_keys.missing(cube_id)
        return key

    def usage(self, cube_id: bytes) -> Usage:
        return self.vault.usage(cube_id)

    def usage_until(self, cube_id: bytes, time: int) -> Usage:
        used = self._used_until.get(time)
        if used is None:
            used = self._used_until[time] = used_until(time, self.accesses())
        return used.get(cube_id, Usage())

    def accesses(self, holding: bytes = b"") -> Iterator[AccessEvent]:
        log = self._logs.access
        for batch in log.read_all(log.end()):
            for record in batch:
                if holding in record.data:
                    yield access_in(record.data)

    def access_size(self) -> int:
        return sum(self._logs.access.end().values())

    def created(self, cube_id: bytes) -> int:
        return self.vault.created(cube_id)

    def read_ahead(self, cube_ids: Sequence[bytes], at: At) -> None:
        self.vault.read_ahead(cube_ids, at)

    def read_histories_ahead(self, cube_ids: Sequence[bytes]) -> None:
        self.vault.read_histories_ahead(cube_ids)

    def view(self, within: Within, at: At | None = None) -> View:
        return self._index.view(within, at)

    def pieces(self, within: Within, order: Order, behind: int | None = None) -> Iterator[Piece]:
        view = self.view(within)  # a tenant's rows are in memory
        yield Piece(view, places(view, order))

    def rows_of(self, view: View, cube_ids: Iterable[bytes]) -> dict[bytes, int]:
        return _ours(view).rows_of(cube_ids)

    def matched_terms(self, view: View) -> dict[int, Ints]:
        return _ours(view).matched_terms()

    def moment_of(self, position: Position) -> Moment | None:
        behind = Position(position.partition, position.offset + 1)
        ordinal = self.vault.cutoffs([behind])[position.partition]
        return None if ordinal < 0 else Moment(ordinal, time_of(ordinal))

    def moment_at(self, log_time: int) -> Moment:
        return Moment(last_at(log_time), log_time)

    def moment_of_cut(self, name: str) -> Moment | None:
        cut = self.vault.cut(name)
        if cut is None:
            return None
        cutoffs = self.vault.cutoffs(cut)
        return Moment(cutoffs, time_of(max(cutoffs)) if max(cutoffs, default=-1) >= 0 else 0)

    def cuts(self) -> dict[str, int]:
        sizes = {
            name: sum(position.offset for position in cut)
            for name, cut in self.vault.cuts().items()
        }
        return dict(sorted(sizes.items(), key=lambda cut: (cut[1], cut[0])))

    def folded_until(self) -> int | None:
        ends = self._logs.events.end()  # first: what is folded meanwhile is not counted as behind
        folded = self.vault.checkpoints()
        reached = [(end, *folded.get(partition, (0, -1, 0))) for partition, end in ends.items()]
        return min((time for end, at, _, time in reached if at < end), default=None)


class DistributedReaders:
    """Opens readers of the live projections, which share the threads that read ahead."""

    def __init__(self, stores: Stores, live: LiveGeneration) -> None:
        self._stores = stores
        self._live = live
        self._threads = ThreadPoolExecutor(THREADS, "memos-read-ahead")

    def open(self) -> DistributedReader:
        """A reader; it keeps what it read ahead.

        Raises:
            LogLost: the topics are not the vault's any more.
        """
        self._stores.binding.check(READ_PATIENCE_SECONDS)
        stores, generation = self._stores, self._live()
        vault = VaultAhead(
            stores.cassandra,
            generation.number,
            generation.usage,
            stores.cube_keys,
            self._threads,
        )
        return DistributedReader(vault, stores.cube_keys, generation.index, stores.logs)

    def close(self) -> None:
        """Wait for what is being read ahead."""
        self._threads.shutdown()


def _ours(view: View) -> CassandraView:
    if not isinstance(view, CassandraView):
        raise TypeError(f"{type(view).__name__} is not of a distributed vault")
    return view
