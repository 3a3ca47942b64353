"""Answering log queries from the narrowest rows that serve them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from functools import reduce
from heapq import merge

from memos.infrastructure.batches import batched
from memos.infrastructure.vault.cassandra import terms
from memos.infrastructure.vault.cassandra.attempts import PAGE, Attempts, Place
from memos.infrastructure.vault.cassandra.bounds import bound
from memos.infrastructure.vault.cassandra.stored import Stored
from memos.infrastructure.vault.cassandra.tables import BUCKET
from memos.infrastructure.vault.port import Attempt, LogQuery
from memos.kernel.keyed_digest import DIGEST_BYTES
from memos.kernel.moment import NEWEST, At
from memos.kernel.scope import contains, tenant_of


class LogQueries(Attempts):
    """Log queries: by cube and by operation from their own rows, all others over the log.

    Of the log only those buckets are read that hold something of the tenant, the actor and the
    sources asked for. In memory are a bucket of each partition and a page of attempts.
    """

    def query(self, query: LogQuery) -> Iterator[Attempt]:
        """The attempts that a log query wants, in log order, a page at a time."""
        return (stored.attempt for stored in self.records(query))

    def records(self, query: LogQuery) -> Iterator[Stored]:
        """As `query`, with their events."""
        if query.cube_id:
            stored_records: Iterator[Stored] = self.stored(query.cube_id)
        elif query.operation_id:
            stored_records = self._of_operation(query.operation_id)
        else:
            stored_records = self._of_log(query)
        return (stored for stored in stored_records if _matches(stored, query))

    def _of_operation(self, operation_id: bytes) -> Iterator[Stored]:
        cql = "SELECT cube_id, bucket, ordinal FROM {}.operation WHERE operation_id = ?"
        places = [
            (cube_id, bucket * BUCKET, ordinal)
            for cube_id, bucket, ordinal in self._rows(cql, (operation_id,))
        ]
        alone = self.by_event(operation_id)
        if alone is not None and alone.operation_id == operation_id:
            places.append((alone.cube_id, alone.sequence, alone.ordinal))
        places.sort(key=lambda place: place[2])
        for page in batched(places, PAGE):
            yield from self._at(page)

    def _of_log(self, query: LogQuery) -> Iterator[Stored]:
        partitions = [
            self._of_partition(partition, offset, query)
            for partition, (offset, _, _) in self.checkpoints().items()
        ]
        for page in batched(merge(*partitions, key=lambda place: place[2]), PAGE):
            yield from self._at(page)

    def _of_partition(self, partition: int, end: int, query: LogQuery) -> Iterator[Place]:
        """The places of records of a partition before offset `end` that may be wanted."""
        upto: At = NEWEST if query.upto is None else query.upto
        oldest, newest = bound(query.after, partition), bound(upto, partition)
        buckets = self._buckets_for(partition, end, query)
        narrowed, values = "", []
        for column, value in (("actor", query.actor), ("kind", query.kind)):
            if value:
                narrowed += f" AND {column} = ?"
                values.append(value)
        cql = (
            "SELECT offset, ordinal, cube_id, sequence, scope, sources FROM {}.record"
            f" WHERE partition = ? AND bucket = ? AND offset < ?{narrowed} ALLOW FILTERING"
        )
        for bucket in buckets[self._bucket_behind(partition, buckets, oldest) :]:
            for row in self._rows(cql, (partition, bucket, end, *values)):
                _, ordinal, cube_id, sequence, scope, sources = row
                if ordinal > newest:
                    return
                if (
                    ordinal > oldest
                    and cube_id
                    and _lies_in(scope, query.scope)
                    and _comes_from(sources, query.sources)
                ):
                    yield cube_id, sequence, ordinal

    def _buckets_for(self, partition: int, end: int, query: LogQuery) -> Sequence[int]:
        """The buckets of a partition that can hold what is wanted, ascending."""
        last = -(-end // BUCKET)
        narrowing = []
        if query.sources:
            buckets = (
                self._postings(terms.of_source(source), partition) for source in query.sources
            )
            narrowing.append(set[int]().union(*buckets))
        if query.actor:
            narrowing.append(self._postings(terms.of_actor(query.actor), partition))
        if query.scope:
            tenant = tenant_of(query.scope)
            narrowing.append(self._postings(terms.of_tenant(tenant), partition))
        if not narrowing:
            return range(last)
        return sorted(bucket for bucket in reduce(set.intersection, narrowing) if bucket < last)

    def _postings(self, term: bytes, partition: int) -> set[int]:
        cql = "SELECT bucket FROM {}.posting WHERE term = ? AND partition = ?"
        return {bucket for (bucket,) in self._stream(cql, (term, partition))}

    def _bucket_behind(self, partition: int, buckets: Sequence[int], oldest: int) -> int:
        """The index of the first bucket that can hold an ordinal greater than `oldest`."""
        if oldest < 0:
            return 0
        cql = "SELECT ordinal FROM {}.record WHERE partition = ? AND bucket = ? LIMIT 1"

        def starts(bucket: int) -> int:
            first = self._rows(cql, (partition, bucket))
            return int(first[0][0]) if first else NEWEST

        return max(bisect_left(buckets, oldest, key=starts) - 1, 0)


def _matches(stored: Stored, query: LogQuery) -> bool:
    attempt = stored.attempt
    partition = attempt.position.partition
    return (
        (not query.actor or attempt.actor == query.actor)
        and (not query.kind or attempt.kind is query.kind)
        and (not query.cube_id or attempt.cube_id == query.cube_id)
        and (not query.operation_id or attempt.operation_id == query.operation_id)
        and _lies_in(attempt.scope, query.scope)
        and (not query.sources or _is_from(stored, query.sources))
        and attempt.ordinal > bound(query.after, partition)
        and (query.upto is None or attempt.ordinal <= bound(query.upto, partition))
    )


def _is_from(stored: Stored, sources: Sequence[bytes]) -> bool:
    accepted = stored.attempt.state is not None
    return accepted and not set(sources).isdisjoint(stored.event.source_digests)


def _lies_in(scope: str, wanted: str) -> bool:
    """Whether a scope is another or lies under it, whole segments only."""
    return not wanted or contains(wanted, scope)


def _comes_from(joined: bytes, sources: Sequence[bytes]) -> bool:
    """Whether joined digests hold one of these."""
    return not sources or any(
        joined[at : at + DIGEST_BYTES] in sources for at in range(0, len(joined), DIGEST_BYTES)
    )
