"""Usage folded from several access partitions: absolute, whatever is delivered again."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256

import apsw
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memos.infrastructure.governance.usage.cassandra import (
    AccessRecord,
    UsageRow,
    UsageRows,
    fold_usage,
)
from memos.infrastructure.governance.usage.sqlite import fold_accesses, usage_digest, usage_of
from memos.infrastructure.governance.usage.usage import Usage
from memos.infrastructure.servers import LocalServers
from memos.wire.access_pb2 import AccessEvent
from tests.infrastructure.cassandra_vault import Keyspaces, keyspaces


def cube_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def access(*cubes: int, action: str = "search", time: int = 0, rule: str = "") -> AccessEvent:
    event = AccessEvent(action=action, client_time=time, rule=rule)
    for cube in cubes:
        event.cubes.add(cube_id=cube_id(cube), version=1)
    return event


accesses = st.lists(
    st.builds(
        lambda cubes, action, time, rule: access(*cubes, action=action, time=time, rule=rule),
        st.lists(st.integers(1, 4), max_size=4),
        st.sampled_from(["get", "search", "chat", "verify", "export"]),
        st.integers(-5, 100),
        st.sampled_from(["", "", "owner"]),
    ),
    max_size=15,
)


@settings(deadline=None)
@given(accesses, st.lists(st.tuples(st.integers(0, 15), st.integers(1, 6)), max_size=6))
def test_records_delivered_again_in_any_stretch_change_nothing(
    events: list[AccessEvent], deliveries: list[tuple[int, int]]
) -> None:
    log = list(enumerate(events))
    whole = fold_usage({}, log)
    rows: dict[bytes, UsageRow] = {}
    reached = 0
    for asked, size in [*deliveries, (0, len(log))]:
        start = min(asked, reached)  # a worker starts at or before its checkpoint
        rows |= fold_usage(rows, log[start : start + size])
        reached = max(reached, min(start + size, len(log)))
    assert rows == whole
    assert fold_usage(rows, log) == {}


def test_a_batch_that_holds_a_record_twice_counts_it_once() -> None:
    event = access(1, 1, 2, time=7)
    rows = fold_usage({}, [(3, event), (3, event)])
    assert rows == {cube_id(1): UsageRow(2, 7, 3), cube_id(2): UsageRow(1, 7, 3)}


@pytest.fixture(scope="module")
def vault(engines: LocalServers) -> Iterator[Keyspaces]:
    with keyspaces(engines) as made:
        yield made


@pytest.fixture
def rows(vault: Keyspaces) -> UsageRows:
    vault.cassandra.define(f"TRUNCATE {vault.generation}.usage")
    return UsageRows(vault.cassandra, vault.generation)


def records(events: list[AccessEvent], first: int = 0) -> list[AccessRecord]:
    return [AccessRecord(at, event.SerializeToString()) for at, event in enumerate(events, first)]


def test_a_cubes_usage_is_what_all_partitions_tell(rows: UsageRows) -> None:
    assert rows.fold(0, records([access(1, 2, time=5), access(1, time=9)])) == 2
    assert rows.fold(4, records([access(1, time=7), access(3, action="export")])) == 1
    assert rows.usage(cube_id(1)) == Usage(3, 9)
    assert rows.usages(map(cube_id, (1, 2, 3))) == {
        cube_id(1): Usage(3, 9),
        cube_id(2): Usage(1, 5),
    }
    assert rows.usage(cube_id(3)) == Usage()


def test_what_is_delivered_again_to_the_store_changes_nothing(rows: UsageRows) -> None:
    log = records([access(1, time=5), access(1, 2, time=6), access(2, time=7)])
    rows.fold(0, log[:2])
    before = rows.digest()
    assert rows.fold(0, log[:2]) == 0
    assert rows.digest() == before
    assert rows.fold(0, log) == 1
    assert rows.usage(cube_id(2)) == Usage(2, 7)


def test_a_worker_that_lags_does_not_put_an_older_row_over_a_newer(
    vault: Keyspaces, rows: UsageRows
) -> None:
    log = records([access(1, time=5), access(1, time=6)])
    rows.fold(0, log)
    vault.cassandra.execute(
        f"INSERT INTO {vault.generation}.usage"
        " (cube_id, access_partition, uses, last_used, position)"
        " VALUES (?, ?, ?, ?, ?) USING TIMESTAMP ?",
        (cube_id(1), 0, 1, 5, 0, 1),  # what a zombie writes that read the row before
    )
    assert rows.usage(cube_id(1)) == Usage(2, 6)
    rows.fold(7, records([access(1)], first=41))
    written = f"SELECT access_partition, writetime(uses) FROM {vault.generation}.usage"
    assert sorted(vault.cassandra.execute(written)) == [(0, 2), (7, 42)]


def test_what_was_forgotten_stays_forgotten(rows: UsageRows) -> None:
    log = records([access(1, 2, time=5), access(1, 2, time=6)])
    rows.fold(0, log[:1])
    rows.forget([cube_id(1)])
    rows.fold(0, log)
    assert rows.usages(map(cube_id, (1, 2))) == {cube_id(2): Usage(2, 6)}


def test_the_digest_is_that_of_the_embedded_engine(rows: UsageRows) -> None:
    assert rows.digest() == sha256(b"memos/usage/v1\n").hexdigest()
    events = [access(*range(1, 1 + n % 4), time=n - 3) for n in range(20)]
    connection = apsw.Connection(":memory:")
    connection.execute(
        "CREATE TABLE access (position INTEGER PRIMARY KEY, log_time, data BLOB);"
        "CREATE TABLE usage (cube_id BLOB PRIMARY KEY, uses, last_used, position);"
        "CREATE TABLE head (cube_id BLOB PRIMARY KEY, lifecycle)"
    )
    fold_accesses(connection, 0, events)
    for partition in range(3):
        rows.fold(partition, records(events[partition::3]))
    assert rows.usage(cube_id(2)) == usage_of(connection, cube_id(2))
    assert rows.digest() == usage_digest(connection)
