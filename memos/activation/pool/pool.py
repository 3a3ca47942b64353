"""The pool of segments: leased as the longest stored prefix of a chain, kept within their bytes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import takewhile
from threading import Lock

from memos.activation.pool.cost import Prediction
from memos.activation.pool.eviction import EvictionPolicy, Gdsf
from memos.activation.pool.figures import PoolFigures, Refusal
from memos.activation.pool.file_tier import FileTier, tenant_label
from memos.activation.pool.holdings import Found, Holdings
from memos.activation.pool.lease import PoolLease
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.moves import Moves
from memos.activation.pool.offered import as_offered, check_segment, refusal_behind
from memos.activation.pool.stored_segment import StoredSegment
from memos.activation.segment import Segment
from memos.kernel.errors import InvalidInput


class Pool:
    """Keeps segments in tiers, the fastest first. Safe for threads.

    A tier never holds more bytes than it may: room is made, leaf-first, before a segment is taken, and what
    does not fit is refused. Bytes are those of the tensors and files that are kept; while a file is written
    or read, the CPU's memory holds it up to four times beside.

    Args:
        memory: tiers in memory; segments are leased from the first.
        files: the last tier, if there is one. It is looked through when it is first needed.
        policy: makes each tier's policy.

    Raises:
        InvalidInput: there is no tier in memory, or two tiers have one name.
    """

    def __init__(
        self,
        memory: Sequence[MemoryTier],
        files: FileTier | None = None,
        policy: Callable[[], EvictionPolicy] = Gdsf,
    ) -> None:
        tiers = (*memory, *(() if files is None else (files,)))
        if not memory or len({tier.name for tier in tiers}) < len(tiers):
            raise InvalidInput(
                "a pool needs a tier in memory to lease from, and a name of its own for each tier"
            )
        self._files = files
        self._names: dict[str, str] = {}
        self._labels: dict[str, str] = {}
        self._holdings = Holdings(tiers, policy, self._label)
        self._moves = Moves(self._holdings)
        self._lock = self._holdings.lock
        self._first = self._holdings.contents[0]
        self._scanning = Lock()
        self._unscanned = files

    def lease(self, tenant: str, keys: Sequence[bytes]) -> PoolLease:
        """The longest prefix of a chain that is stored, or worth loading, held until it is released.

        Args:
            tenant: whose segments these are; another's are never found.
            keys: of the chain, root first.
        """
        label = self._ready(tenant)
        with self._lock:
            self._holdings.counts.requested += len(keys)
            held: list[Found] = [(0, stored) for stored in self._first.trie(label).chain(keys)]
            for _, stored in held:
                self._first.hold(stored)
            if len(held) == len(keys):
                return self._leased(held)
        try:
            self._load_behind(label, keys, held)
        except BaseException:
            self._let_go([stored for _, stored in held])
            raise
        with self._lock:
            return self._leased(held)

    def offer(self, tenant: str, segment: Segment, milliseconds: float) -> bool:
        """Keep a segment that was computed; whether it is stored now.

        It is refused where there is no room for it, and where its parent is not in the first tier.

        Args:
            tenant: whose it is.
            segment: not written to any more, by anybody.
            milliseconds: what computing it took.

        Raises:
            InvalidInput: it is no segment.
        """
        check_segment(segment, milliseconds)
        label = self._ready(tenant)
        with self._lock:
            self._holdings.counts.offered += 1
            if self._is_duplicate(label, segment):
                return True
            self._judge_computing(label, segment.key, milliseconds)
            parent = self._first.trie(label).get(segment.parent)
            refusal = refusal_behind(segment, parent)
            if refusal is not None:
                return self._refuse(refusal)
            if parent is not None:
                self._first.hold(parent)
        try:
            offered = as_offered(label, segment, milliseconds, parent)
            refusal = self._moves.take(offered, segment, parent)
        finally:
            if parent is not None:
                self._let_go([parent])
        if refusal is None:
            return True
        with self._lock:
            return self._refuse(refusal)

    def pin(self, tenant: str, key: bytes) -> None:
        """Keep a segment, and so all that is above it, in every tier that has it now or comes to have it,
        until it is unpinned or taken out.
        """
        label = self._ready(tenant)
        with self._lock:
            self._holdings.pin(label, key)

    def unpin(self, tenant: str, key: bytes) -> None:
        """Undo a `pin`; nothing where there was none."""
        label = self._ready(tenant)
        with self._lock:
            self._holdings.unpin(label, key)

    def evict(self, tenant: str, key: bytes) -> int:
        """Take a segment whose source changed out of every tier, with everything below it, pinned or not; how
        many those were. None of them is found from now on; whoever leased one may use it until the release.
        """
        label = self._ready(tenant)
        with self._lock:
            return self._holdings.withdraw(label, key)

    def evict_tenant(self, tenant: str) -> int:
        """Take out everything of a tenant, as `evict`; how many segments those were."""
        label = self._ready(tenant)
        with self._lock:
            return self._holdings.withdraw_tenant(label)

    def save(self) -> int:
        """Write to the files what only memory has and would be loaded again, so that it is found after a
        restart; how many segments those are.
        """
        self._scan()
        return 0 if self._files is None else self._moves.save()

    def tier_of(self, tenant: str, key: bytes) -> str:
        """The slowest tier that has a segment; empty where none has."""
        label = self._ready(tenant)
        with self._lock:
            found = [tier for tier, _ in self._holdings.everywhere(label, key)]
            return self._holdings.tiers[found[-1]].name if found else ""

    def figures(self) -> PoolFigures:
        """What it has done, and what it holds."""
        holdings = self._holdings
        with self._lock:
            held = {
                tier.name: {self._names.get(label, label): size for label, size in used.of.items()}
                for tier, used in zip(
                    holdings.tiers, (each.used for each in holdings.contents), strict=True
                )
            }
            peaks = {
                tier.name: each.peak
                for tier, each in zip(holdings.tiers, holdings.contents, strict=True)
            }
            files = {} if self._files is None else self._files.counts
            return holdings.counts.snapshot(files, held, peaks)

    def predictions(self) -> tuple[Prediction, ...]:
        """The last predictions of the cost model, with what came of them."""
        with self._lock:
            return tuple(self._holdings.costs.predictions)

    def _load_behind(self, label: str, keys: Sequence[bytes], held: list[Found]) -> None:
        """Load what is worth it of the rest of a chain, and hold it."""
        holdings = self._holdings
        with self._lock:
            behind = held[-1][1] if held else None
            rest = holdings.find_chain(label, keys[len(held) :], behind)
            loadables = [holdings.loadable(found) for found in rest]
            count = holdings.costs.worth_loading(loadables)
            for (level, stored), loadable in zip(rest[count:], loadables[count:], strict=True):
                if level:
                    stored.declined = holdings.costs.expected(loadable)
                    holdings.costs.declined(loadable)
        for _, stored in rest[:count]:
            loaded = self._moves.load(label, stored.key)
            if loaded is None:
                return
            held.append(loaded)

    def _leased(self, held: Sequence[Found]) -> PoolLease:
        """A lease on what is held. What was taken out meanwhile, and all behind it, is let go."""
        counts = self._holdings.counts
        valid = list(takewhile(lambda found: not found[1].is_gone, held))
        for _, stored in held[len(valid) :]:
            self._first.let_go(stored)
        for level, stored in valid:
            self._first.touch(stored)
            counts.hits[self._holdings.tiers[level].name] += 1
            counts.saved_milliseconds += stored.milliseconds
            counts.inexact_hits += not stored.is_exact
        counts.given += len(valid)
        leased = [stored for _, stored in valid]
        segments = [stored.segment for stored in leased if stored.segment is not None]
        return PoolLease(leased, segments, self._let_go)

    def _let_go(self, held: Sequence[StoredSegment]) -> None:
        with self._lock:
            for stored in held:
                self._first.let_go(stored)

    def _is_duplicate(self, label: str, segment: Segment) -> bool:
        is_there = self._first.trie(label).get(segment.key) is not None
        self._holdings.counts.duplicates += is_there
        return is_there

    def _judge_computing(self, label: str, key: bytes, milliseconds: float) -> None:
        """Hold computing against the load that was declined for it."""
        found = self._holdings.find(label, key)
        if found is None:
            return
        level, stored = found
        if stored.declined is not None:
            prediction = self._holdings.costs.computed(level, stored.declined, milliseconds)
            self._holdings.counts.judge(prediction)
            stored.declined = None

    def _refuse(self, reason: Refusal) -> bool:
        self._holdings.counts.refused[reason] += 1
        return False

    def _ready(self, tenant: str) -> str:
        """The label of a tenant, once it is known what the files hold."""
        self._scan()
        return self._label(tenant)

    def _label(self, tenant: str) -> str:
        label = self._labels.get(tenant)
        if label is None:
            label = tenant if self._files is None else tenant_label(self._files.secret, tenant)
            self._labels[tenant] = label
            self._names[label] = tenant
        return label

    def _scan(self) -> None:
        if self._unscanned is None:
            return
        with self._scanning:
            if self._unscanned is not None:
                self._moves.adopt(len(self._holdings.tiers) - 1, self._unscanned.scan())
                self._unscanned = None
