"""One moment of a distributed vault, for a dump: the cut where its log ended when this began.

Of a part only those stretches of the log are read that hold something of its tenant.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from memos.infrastructure.batches import batched
from memos.infrastructure.engine.cuts import ascending, holds
from memos.infrastructure.engine.distributed import figures
from memos.infrastructure.engine.distributed.live_generation import LiveGeneration
from memos.infrastructure.engine.distributed.reader import DistributedReaders
from memos.infrastructure.engine.distributed.source import DistributedSource
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.distributed.waiter import Waiter
from memos.infrastructure.engine.distributed.workers.seal import origin_of
from memos.infrastructure.engine.dump import PROGRESS_EVERY, DumpEnd, DumpSelection, EventLine
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.usage.usage import is_access
from memos.infrastructure.log.ancestry import FirstPlace
from memos.infrastructure.log.kafka.first_place import first_in
from memos.infrastructure.log.port import Cut
from memos.infrastructure.progress import Progress
from memos.infrastructure.vault.cassandra.stored import state_of
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.infrastructure.vault.port import Attempt, LogQuery
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.digest import cube_digest, vault_digest
from memos.kernel.errors import Damaged
from memos.kernel.event import Position, id_text
from memos.kernel.leaf import leaf_of
from memos.kernel.merkle import Frontier
from memos.kernel.moment import At

CUBES_AT_ONCE = 500


class DistributedDump:
    """See `engine.dump.Dumpable`. What is written meanwhile is behind the cut and stays out of it.

    Raises:
        NotApplied: the fold is not past where the log ends.
    """

    def __init__(
        self,
        stores: Stores,
        live: LiveGeneration,
        readers: DistributedReaders,
        source: DistributedSource,
    ) -> None:
        self._stores = stores
        self._readers = readers
        self._source = source
        self._end = self._source.end()
        waiter = Waiter(live.watch, stores.settings.wait_seconds)
        waiter.until_passed(FOLD, self._end)
        self._vault = live.vault()
        self.at: At = self._vault.cutoffs([Position(*at) for at in self._end.items()])
        self.reader: Reader = readers.open()
        self._accesses_end = source.accesses_end()
        self._tree = Frontier()
        self._log_time = 0
        self._cuts: dict[str, int] = {}
        self._in_part: dict[bytes, bool] = {}
        self._is_migrated = bool(self._source.ancestors())

    def read_ahead(self, cube_ids: Sequence[bytes]) -> None:
        self.reader = self._readers.open()  # it keeps all that was read ahead
        self.reader.read_ahead(cube_ids, self.at)

    def state(self, cube_id: bytes) -> CubeState:
        attempt = self.reader.vault.state_at(cube_id, self.at)
        if attempt is None or attempt.state is None:
            raise Damaged(
                f"cube {id_text(cube_id)} has records but no state: call `memory.audit()`"
            )
        return attempt.state

    def erased(self, selection: DumpSelection) -> Iterator[Attempt]:
        for attempt, state in self._states(self._candidates(selection)):
            if state.lifecycle is Lifecycle.ERASED and selection.accepts(state):
                yield attempt

    def lines(self, selection: DumpSelection, progress: Progress) -> Iterator[EventLine]:
        records, total = self._chosen(selection), 0
        if selection.chosen is None:
            start: Cut = {}
            if selection.since is not None:
                start = selection.since.cut
                self._tree = Frontier.from_bytes(selection.since.tree)
                self._log_time = selection.since.log_time
            records, total = self._all(start), sum(self._end.values()) - sum(start.values())
        for done, (sequence, at, data, first) in enumerate(records):
            offset, log_time = self._tree.size, max(self._log_time, at)
            self._tree.push(leaf_of(offset, log_time, data))
            self._log_time = log_time
            yield EventLine(offset, log_time, sequence, data, first)
            if not done % PROGRESS_EVERY:
                progress(done, total)

    def tree(self) -> tuple[int, bytes]:
        return self._tree.size, self._tree.root()

    def cuts(self) -> Mapping[str, int]:
        return self._cuts

    def digest(self, selection: DumpSelection) -> str:
        if selection.chosen is None:
            return self._digest_of_all()
        chosen = [cube_id for cube_id, is_chosen in self._in_part.items() if is_chosen]
        states = (state for _, state in self._states(chosen))
        return vault_digest(sorted((state.cube_id, cube_digest(state)) for state in states))

    def accesses(self, since: DumpEnd | None = None) -> Iterator[tuple[int, bytes]]:
        start = None if since is None else since.accesses
        for moved in self._source.accesses(start, self._accesses_end):
            if is_access(moved.data):  # what is none counts for nothing, and no vault takes it in
                yield moved.log_time, moved.data

    def erasures(self) -> Iterator[tuple[bytes, str]]:
        return iter(sorted(self._source.erasures()))

    def ended(self) -> DumpEnd:
        return DumpEnd(
            self._end,
            self._tails(self._end),
            self._accesses_end,
            self._log_time,
            self._tree.to_bytes(),
        )

    def goes_on_from(self, end: DumpEnd) -> bool:
        return holds(self._end, end.cut) and self._tails(end.cut) == end.tails

    def _tails(self, cut: Cut) -> dict[int, bytes]:
        """The leaf hash of the last record before a cut of each partition that has one."""
        log = self._stores.logs.events
        records = [log.record_at(Position(p, size - 1)) for p, size in cut.items() if size]
        return {
            at.partition: leaf_of(at.offset, log_time, data)
            for at, log_time, data in filter(None, records)
        }

    def _all(self, start: Cut) -> Iterator[tuple[int, int, bytes, FirstPlace | None]]:
        """(sequence, log time, bytes, first place) of each record, and where the named cuts lie."""
        named = self._source.cuts()
        begins = {p: start.get(p, 0) for p in self._end}
        stops = ascending((_wider(cut, begins) for cut in named.values()), self._end)
        outlines = {p: self._vault.outlines(p, begins[p], end) for p, end in self._end.items()}
        count = sum(begins.values())
        for stop, records in zip(stops, self._source.records(stops, start), strict=True):
            for moved in records:
                outline = next(outlines[moved.position.partition], None)
                if outline is None or outline.offset != moved.position.offset:
                    raise Damaged(
                        f"the outcome of {moved.position} is missing: run `memos rebuild`"
                    )
                count += 1
                yield outline.sequence, moved.log_time, moved.data, moved.first
            for name, cut in named.items():
                if name not in self._cuts and holds(stop, cut):
                    self._cuts[name] = count

    def _chosen(
        self, selection: DumpSelection
    ) -> Iterator[tuple[int, int, bytes, FirstPlace | None]]:
        query = LogQuery(scope=selection.scope or "", upto=self.at)
        for batch in batched(self._vault.records(query), CUBES_AT_ONCE):
            # Sequence 0: refused before there was a cube.
            folded = [stored for stored in batch if stored.attempt.sequence]
            new = {stored.attempt.cube_id for stored in folded} - self._in_part.keys()
            self._in_part |= dict.fromkeys(new, False)
            for _, state in self._states(sorted(new)):
                self._in_part[state.cube_id] = selection.accepts(state)
            for attempt, _, record, _ in folded:
                if self._in_part[attempt.cube_id]:
                    yield attempt.sequence, attempt.log_time, record.data, self._first(attempt)

    def _first(self, attempt: Attempt) -> FirstPlace:
        """Where a record first stood: the log alone says that of one that was moved here."""
        partition, offset = attempt.position
        if self._is_migrated:
            events = self._stores.logs.events
            for _, headers in events.read_with_headers(partition, offset, offset + 1):
                first = first_in(headers)
                if first is not None:
                    return first
        return FirstPlace(origin_of(self._stores, partition), offset, attempt.log_time)

    def _candidates(self, selection: DumpSelection) -> Iterator[bytes]:
        """The cubes among which the erased ones of a selection are, in id order."""
        if selection.scope is not None:
            return iter(self._vault.cubes_in_scope(selection.scope))
        heads = self._vault.heads()
        if selection.chosen is not None:
            return (cube_id for cube_id, _, _ in heads)
        ended = Lifecycle.ERASED
        return (c for c, stored, _ in heads if state_of(c, stored).lifecycle is ended)

    def _states(self, cube_ids: Iterable[bytes]) -> Iterator[tuple[Attempt, CubeState]]:
        """The last accepted records of cubes at the cut, in the order asked; without those that
        were not there.
        """
        for batch in batched(cube_ids, CUBES_AT_ONCE):
            states = self._vault.states_at(batch, self.at)
            for cube_id in batch:
                stored = states.get(cube_id)
                if stored is not None and stored.attempt.state is not None:
                    yield stored.attempt, stored.attempt.state

    def _digest_of_all(self) -> str:
        cubes = dict(figures.digests(self._vault))
        # Heads may be ahead of the cut; their records were stored before them.
        now = self._source.end()
        changed = {
            outline.cube_id
            for partition, end in self._end.items()
            for outline in self._vault.outlines(partition, end, now[partition])
            if outline.cube_id
        }
        for cube_id in changed:
            cubes.pop(cube_id, None)
        for _, state in self._states(sorted(changed)):
            cubes[state.cube_id] = cube_digest(state)
        return vault_digest(sorted(cubes.items()))


def _wider(cut: Cut, other: Cut) -> Cut:
    """The least cut that holds two."""
    return {partition: max(at, cut.get(partition, 0)) for partition, at in other.items()}
