"""The change log in Cassandra, and readers that follow it."""

from __future__ import annotations

import random
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from memos.infrastructure.index.cassandra.index import CassandraIndex
from memos.infrastructure.index.cassandra.rows import ErasedCube, IndexedAt, hour_of
from memos.infrastructure.index.cassandra.snapshot import TenantSnapshot
from memos.infrastructure.index.port import PurgeReport, View
from memos.infrastructure.servers import LocalServers
from memos.kernel.cube import Lifecycle
from memos.kernel.moment import Cutoffs
from tests.infrastructure.cassandra_vault import Keyspaces, keyspaces
from tests.infrastructure.index.cassandra.support import (
    MINUTE,
    TERMS,
    assert_equal,
    assert_shows,
    spans_of,
    visible,
)
from tests.infrastructure.index.cassandra.worker import PARTITIONS, Worker
from tests.infrastructure.index.sqlite.support import ARCHIVED, cube_id, text


@pytest.fixture(scope="module")
def vault(engines: LocalServers) -> Iterator[Keyspaces]:
    with keyspaces(engines) as made:
        yield made


@pytest.fixture
def worker(vault: Keyspaces) -> Worker:
    return Worker(vault)


@pytest.fixture
def index(worker: Worker) -> CassandraIndex:
    return CassandraIndex(worker.table)


def cubes(view: View, term: int) -> list[int]:
    rows, _ = view.postings(term)
    return [int.from_bytes(cube, "big") for cube in view.cube_ids(rows)]


@pytest.mark.parametrize("by_page", [False, True])
def test_a_reader_that_follows_holds_what_one_that_comes_late_reads(
    worker: Worker, index: CassandraIndex, by_page: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if by_page:
        monkeypatch.setattr("memos.infrastructure.index.cassandra.rows._FEW_RECORDS", 0)
    chance = random.Random(7)
    scopes = ["acme", "acme/a", "acme/a/b", "acme/ab", "rival/a"]
    known: list[tuple[int, str]] = []
    for _ in range(12):
        for _ in range(chance.randrange(40)):
            number = chance.randrange(len(known) + 5)
            terms = {term: chance.randrange(3) for term in chance.sample(TERMS, 2)}
            if number >= len(known):
                known.append((len(known), chance.choice(scopes)))
                cube, scope = known[-1]
                worker.add(cube, text(terms), scope)
            else:
                cube, scope = known[number]
                worker.add(cube, text(terms) if number % 2 else None, scope, 1 + number % 6)
            worker.log.time += chance.randrange(10) * MINUTE
        worker.log.time += chance.choice([0, 0, 500]) * MINUTE
        worker.work(chance.sample(range(PARTITIONS), 2))
        index.view("acme")
    shown = spans_of(worker.log.upto(worker.taken))
    late = CassandraIndex(worker.table)
    ordinals = [one.change.offset for one in worker.log.upto(worker.taken)]
    for scope in [*scopes, "rival", "acme/a/b/c"]:
        for at in (None, ordinals[len(ordinals) // 3], Cutoffs([ordinals[0], ordinals[-1]])):
            for reader in (index, late):
                view = reader.view(scope, at)
                assert_shows(view, visible(shown, scope, view.at))
    assert_equal(held(index), held(late))
    assert len(held(late).every.spans.doc) > 100


def held(index: CassandraIndex, tenant: str = "acme") -> TenantSnapshot:
    return index._tenants[tenant].snapshot


def test_nothing_is_seen_before_its_checkpoint_and_nothing_read_twice(
    vault: Keyspaces, worker: Worker, index: CassandraIndex
) -> None:
    assert index.view("acme").at == Cutoffs()
    worker.add(0, text([7]))
    worker.write(0)
    assert cubes(index.view("acme"), 7) == []
    worker.checkpoint(0)
    assert cubes(index.view("acme"), 7) == [0]
    vault.cassandra.define(f"TRUNCATE {vault.generation}.span")
    worker.add(3, text([7]))
    worker.work()
    assert cubes(index.view("acme"), 7) == [0, 3]
    assert cubes(CassandraIndex(worker.table).view("acme"), 7) == [3]


def test_writing_changes_again_changes_nothing(worker: Worker, index: CassandraIndex) -> None:
    for cube in range(50):
        worker.add(cube, text(range(cube)) if cube % 7 else text([]))
        worker.add(cube, state=ARCHIVED)
        worker.log.time += MINUTE
    worker.work()
    before = worker.count("span")
    assert before == 100
    index.view("acme")
    for partition, log in enumerate(worker.log.logs):
        worker.table.write(partition, [IndexedAt(at.offset, one) for at, one in log])
    assert worker.count("span") == before
    late = CassandraIndex(worker.table)
    assert cubes(late.view("acme"), 7) == [cube for cube in range(8, 50) if cube % 7]
    assert_equal(held(index), held(late))


def test_texts_of_any_size_are_kept(worker: Worker, index: CassandraIndex) -> None:
    sizes = [0, 1, 300, 6_000, 30_000, 2_000, 2_000, 2_000, 1]
    for cube, size in enumerate(sizes):
        worker.add(cube, text(dict.fromkeys(range(size), 2)), partition=0)
    worker.work()
    view = index.view("acme")
    assert view.length.tolist() == [2 * size for size in sizes]
    assert cubes(view, 1_999) == [3, 4, 5, 6, 7]


def test_hours_without_a_change_are_passed_over(worker: Worker, index: CassandraIndex) -> None:
    for cube in range(4):
        change = worker.add(cube, text([7]), partition=0)
        worker.work()
        assert cubes(index.view("acme"), 7) == list(range(cube + 1))
        worker.log.time += 1_000 * 60 * MINUTE
    assert worker.count("span_bucket") == 4
    assert hour_of(change.offset) == (worker.log.time - 1_000 * 60 * MINUTE) // (60 * MINUTE)


def test_an_erased_cube_is_deleted_and_dropped_by_readers_that_held_it(
    worker: Worker, index: CassandraIndex
) -> None:
    worker.add(1, text([7, 8, 9]))
    worker.add(4, text([7]))  # in the same partition
    worker.add(1, state=ARCHIVED)
    worker.add(1, text([7, 8]))
    worker.work()
    first = index.view("acme")
    assert cubes(first, 7) == [4, 1]
    mark = worker.add(1, state=Lifecycle.ERASED)
    worker.work()
    report = worker.table.purge([ErasedCube(cube_id(1), "acme", mark.offset)])
    assert report == PurgeReport(docs=2, spans=3, postings=5)
    assert worker.table.purge([ErasedCube(cube_id(1), "acme", mark.offset)]) == PurgeReport(0, 0, 0)
    assert worker.count("span") == 2  # the other cube's, and the mark
    assert (
        cubes(index.view("acme"), 7) == cubes(CassandraIndex(worker.table).view("acme"), 7) == [4]
    )
    assert len(index.view("acme", first.at)) == 1
    assert {int(term) for part in held(index).recent for term in part.term} == {7}


def test_a_worker_that_lags_does_not_bring_deleted_rows_back(
    worker: Worker, index: CassandraIndex
) -> None:
    worker.add(1, text([7]))
    worker.work()
    mark = worker.add(1, state=Lifecycle.ERASED)
    worker.work()
    worker.table.purge([ErasedCube(cube_id(1), "acme", mark.offset)])
    (old, *_) = worker.log.logs[1]
    worker.table.write(1, [IndexedAt(old.position.offset, old.change)])
    assert worker.count("span") == 1
    assert len(index.view("acme")) == 0


def test_snapshots_stay_within_their_bound(worker: Worker) -> None:
    for number in range(60):
        worker.add(number, text(range(20)), scope=f"tenant{number % 20}/a")
    worker.work()
    index = CassandraIndex(worker.table, cache_bytes=20_000)
    for _ in range(2):
        for number in range(20):
            assert len(index.view(f"tenant{number}")) == 3
            assert index.nbytes <= 20_000
            kept = [each.snapshot for each in index._tenants.values()]
            assert index.nbytes == sum(each.nbytes for each in kept)
    assert 1 < len(index._tenants) < 20
    smallest = CassandraIndex(worker.table, cache_bytes=1)
    assert len(smallest.view("tenant1")) == len(smallest.view("tenant2")) == 3
    assert list(smallest._tenants) == ["tenant2"]


def test_threads_that_search_while_a_worker_writes_see_whole_batches(
    worker: Worker, index: CassandraIndex
) -> None:
    # Before a checkpoint is written, each text of its batch but the newest is archived.
    stop: list[bool] = []

    def search() -> int:
        seen = 0
        while not stop:
            view = index.view("acme")
            assert cubes(view, 7) == list(range(len(view)))
            assert len(view) >= seen
            assert np.flatnonzero(view.state == 1).tolist() == [len(view) - 1][: len(view)]
            seen = len(view)
        return seen

    with ThreadPoolExecutor(4) as threads:
        searches = [threads.submit(search) for _ in range(4)]
        try:
            for cube in range(60):
                if cube:
                    worker.add(cube - 1, state=ARCHIVED, partition=0)
                worker.add(cube, text([7]), partition=0)
                worker.work([0])
        finally:
            stop.append(True)
        assert max(each.result() for each in searches) > 10
    assert len(index.view("acme")) == 60
