"""The tables of a generation beside those of a spare one, into which the log is folded again."""

from __future__ import annotations

import time
from collections.abc import Iterator

from memos.infrastructure.engine.distributed.auditing.judgement import (
    counts,
    may_follow,
    problem_of,
)
from memos.infrastructure.engine.distributed.auditing.settled import Ends, ends_of, unmarked
from memos.infrastructure.engine.distributed.refold import fold_events, follow, index_worker
from memos.infrastructure.engine.distributed.stores import Generation, Stores
from memos.infrastructure.engine.distributed.workers.seal import SealWorker
from memos.infrastructure.engine.distributed.workers.usage import UsageWorker
from memos.infrastructure.engine.kept_keys import TenantKeys
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.reports import Problem
from memos.infrastructure.vault.cassandra.comparison import (
    Difference,
    differences,
    expiring_tables,
    indexes_of,
    read_again,
    tables_of,
)

TRIES, PAUSE_SECONDS = 12, 1.0
"""How often, and how far apart, a difference is looked at again where the vault is written on."""

WRITTEN_MEANWHILE = (
    "rows of search, use and erases under way that seem to be missing (the vault was written "
    "meanwhile: audit it at rest)"
)

SIGNED = "note"
"""The table that `verify` holds against the topic of checkpoints."""


_NOT_FOLDED = frozenset({SIGNED, "set_aside"})
"""What no fold gives; what is set aside depends on release and model, and the doctor tells of it."""


class Comparison:
    """Compares every table of the live generation, both ways.

    Args:
        stores: the vault.
        live: what is compared.
        fresh: an empty generation, which is filled here.
        keys: gives out tenants' keys.
    """

    def __init__(
        self, stores: Stores, live: Generation, fresh: Generation, keys: TenantKeys
    ) -> None:
        self._stores, self._live, self._fresh = stores, live, fresh
        self._here, self._there = live.writer.keyspace, fresh.writer.keyspace
        self._index = index_worker(stores, fresh, keys)
        self.waiting: list[str] = []
        """What could not be compared."""

    def problems(self, progress: Progress) -> Iterator[Problem]:
        """Fold the log up to where the live projections are, and compare.

        Raises:
            Damaged: the log or a key cannot be read.
        """
        yield from self._schema()
        ends = ends_of(self._stores, self._live)
        marks = list(unmarked(self._stores, self._live))
        yield from marks
        if marks:
            return  # nobody can say up to where the rows are to be compared
        self._fold(ends, progress, from_nothing=True)
        lasting = self._lasting(self._differences(ends))
        if ends_of(self._stores, self._live).log != ends.log:
            left = [each for each in lasting if not may_follow(each)]
            if len(left) < len(lasting):
                self.waiting.append(WRITTEN_MEANWHILE)
            lasting = left
        yield from map(problem_of, lasting)

    def _fold(self, ends: Ends, progress: Progress, *, from_nothing: bool = False) -> None:
        stores, fresh = self._stores, self._fresh
        fold_events(stores, fresh, self._index, ends.events, progress, from_nothing=from_nothing)
        usage, seal = UsageWorker(stores, fresh), SealWorker(stores, fresh)
        follow(fresh, stores.logs.access, UsageWorker.name, usage.take, ends.accesses)
        follow(fresh, stores.logs.events, SealWorker.name, seal.seal, ends.sealed)

    def _schema(self) -> Iterator[Problem]:
        """Tables, columns and indexes are those that a generation is made with."""
        store = self._stores.cassandra
        ours, made = tables_of(store, self._here), tables_of(store, self._there)
        for name in sorted(ours.keys() | made.keys()):
            if ours.get(name) != made.get(name):
                yield Problem(f"table {name}", "it is not as it was made: run `memos rebuild`")
        for keyspace in (self._stores.settings.cassandra.keyspace, self._here):
            for name in expiring_tables(store, keyspace):
                yield Problem(
                    f"table {name}",
                    f"what is written to it ends by itself: run `ALTER TABLE {keyspace}.{name} WITH "
                    "default_time_to_live = 0` and `memos rebuild`",
                )
        for table, name in sorted(indexes_of(store, self._here) ^ indexes_of(store, self._there)):
            yield Problem(f"index {name}", f"it is missing, or is none of table {table}'s")

    def _differences(self, ends: Ends) -> list[Difference]:
        store = self._stores.cassandra
        ours, made = tables_of(store, self._here), tables_of(store, self._there)
        return [
            difference
            for name, table in sorted(made.items())
            if name not in _NOT_FOLDED and ours.get(name) == table
            for difference in differences(store, table, self._here, self._there)
            if counts(self._fresh, difference, ends)
        ]

    def _lasting(self, found: list[Difference]) -> list[Difference]:
        """The differences that stay when the whole log is folded, and the vault has come to rest.

        Others are of what was folded, erased or used meanwhile: they go when the workers have come
        as far as the spare generation, one after the other where the vault is written on.
        """
        last: Ends | None = None
        for _ in range(TRIES):
            ends = ends_of(self._stores, self._live)
            if not found or (ends == last and ends.events == ends.log):
                break
            if last is not None:
                time.sleep(PAUSE_SECONDS)
            last = ends
            self._fold(ends._replace(events=ends.log), no_progress)
            found = self._still(found, ends)
        return found

    def _still(self, found: list[Difference], ends: Ends) -> list[Difference]:
        """Those that count still, and whose live row has not changed: one that did is in use."""
        again = read_again(self._stores.cassandra, found, self._here, self._there)
        return [
            now
            for then, now in zip(found, again, strict=True)
            if now.one == then.one and counts(self._fresh, now, ends)
        ]
