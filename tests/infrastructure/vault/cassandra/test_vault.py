from __future__ import annotations

import random
from collections.abc import Iterator

import pytest

from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra import heads, schema
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import FOLD, CassandraVaultWriter
from memos.infrastructure.vault.port import LogQuery
from memos.kernel.errors import VaultError
from memos.kernel.event import Kind, Position
from memos.kernel.moment import Cutoffs
from memos.kernel.outcome import Reason, Result
from tests.infrastructure.cassandra_vault import Keyspaces, keyspaces
from tests.infrastructure.vault.cassandra.support import (
    TABLES,
    Log,
    contents,
    memory,
    revision,
    write,
    write_checkpoint,
)
from tests.kernel.builders import event, ident


@pytest.fixture(scope="module")
def shared(engines: LocalServers) -> Iterator[Keyspaces]:
    with keyspaces(engines) as opened:
        yield opened


@pytest.fixture
def empty(shared: Keyspaces) -> Keyspaces:
    for table in TABLES:
        shared.cassandra.define(f"TRUNCATE {shared.generation}.{table}")
    return shared


@pytest.fixture
def writer(empty: Keyspaces) -> CassandraVaultWriter:
    return CassandraVaultWriter(empty.cassandra)


@pytest.fixture
def vault(empty: Keyspaces) -> CassandraVault:
    return CassandraVault(empty.cassandra)


def story(log: Log) -> list[list[list]]:  # type: ignore[type-arg]
    """Batches of two partitions with lineage, a refusal, an operation, a lifespan and an erase."""
    derived = memory(2, 2)
    edge = derived.edges.add(relation=1)
    edge.other.cube_id, edge.other.version, edge.other.digest = ident(1), 1, b"d" * 32
    mortal = memory(4, 4)
    mortal.generated.header.lifespan.after = 1000
    mortal.generated.header.lifespan.since = 5
    refused = revision(5, 1)
    refused.expected_version = 9
    asked = event(Kind.ERASE_REQUESTED, 7, 3, operation=70)
    cut = event(Kind.CUT_NAMED, 8, 5)
    cut.cut_named.name = "before the move"
    cut.cut_named.positions.add(partition=0, offset=2)
    return [
        [log.take(memory(1, 1), derived, revision(3, 1)), log.take(memory(6, 3), partition=1)],
        [log.take(mortal, refused, cut), log.take(asked, partition=1)],
        [log.take(event(Kind.ARCHIVED, 9, 4)), [log.take_damaged(b"\xff\xff", partition=1)]],
    ]


def test_a_record_delivered_again_changes_no_row(
    empty: Keyspaces, writer: CassandraVaultWriter
) -> None:
    batches = [batch for both in story(Log()) for batch in both]
    for batch in batches:
        write(writer, batch)
    before = contents(empty.cassandra, empty.generation)
    again = CassandraVaultWriter(empty.cassandra)
    for batch in reversed(batches):
        write(again, batch)
    assert contents(empty.cassandra, empty.generation) == before
    assert before["attempt"]
    assert before["edge_in"]
    assert before["cut"]


def test_heads_written_in_any_order_end_as_the_last_one(
    writer: CassandraVaultWriter, vault: CassandraVault
) -> None:
    log = Log()
    states = [log.take(memory(1, 1))] + [log.take(revision(n, 1)) for n in range(2, 12)]
    random.Random(7).shuffle(states)
    for batch in states:
        writer.write_heads(batch)
    head = vault.folded_heads([ident(1)])[ident(1)]
    assert (head.state.version, head.state.sequence) == (11, 11)
    assert head.position == Position(0, 10)
    assert vault.head_positions([ident(1), ident(2)]) == {ident(1): Position(0, 10)}


@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_crash_behind_any_stage_and_redelivery_leave_equal_rows(
    stage: int, empty: Keyspaces, writer: CassandraVaultWriter
) -> None:
    batches = [batch for both in story(Log()) for batch in both]
    for batch in batches:
        write(writer, batch)
    whole = contents(empty.cassandra, empty.generation)
    for table in TABLES:
        empty.cassandra.define(f"TRUNCATE {empty.generation}.{table}")
    for batch in batches:
        crashed = CassandraVaultWriter(empty.cassandra)
        crashed.write_records(batch[: len(batch) // 2 + 1])  # a part of the first stage
        if stage > 1:
            crashed.write_records(batch)
        if stage > 2:
            crashed.write_heads(batch)
        write(CassandraVaultWriter(empty.cassandra), batch)
    assert contents(empty.cassandra, empty.generation) == whole


def test_records_behind_their_head_are_not_seen(
    writer: CassandraVaultWriter, vault: CassandraVault
) -> None:
    log = Log()
    write(writer, log.take(memory(1, 1)))
    pending = log.take(revision(2, 1), memory(3, 2))
    writer.write_records(pending)
    assert [each.sequence for each in vault.attempts(ident(1))] == [1]
    assert vault.version(ident(1), 2) is None
    assert vault.attempts(ident(2)) == []
    assert len(list(vault.query(LogQuery()))) == 1
    writer.write_heads(pending)
    write_checkpoint(writer, pending[-1])
    assert [each.sequence for each in vault.attempts(ident(1))] == [1, 2]
    assert len(list(vault.query(LogQuery()))) == 3


def test_a_cube_of_2500_records_spans_buckets(
    writer: CassandraVaultWriter, vault: CassandraVault
) -> None:
    log = Log()
    batch = log.take(memory(1, 1), *(revision(n, 1) for n in range(2, 2501)))
    write(writer, batch)
    attempts = vault.attempts(ident(1))
    assert [each.sequence for each in attempts] == list(range(1, 2501))
    for sequence in (1, 999, 1000, 1001, 2000, 2500):
        folded = batch[sequence - 1]
        assert vault.version(ident(1), sequence) == attempts[sequence - 1]
        assert vault.state_at(ident(1), folded.ordinal) == attempts[sequence - 1]
        assert vault.by_event(ident(sequence)) == attempts[sequence - 1]
        assert vault.by_event(ident(sequence), ident(1)) == attempts[sequence - 1]
        record = vault.event(ident(1), sequence)
        assert record == folded.record
        assert vault.data_of(record.position) == record.data
    assert [each.attempt for each in vault.folded(0, 990, 1010)] == attempts[990:1010]
    upto = LogQuery(after=batch[1499].ordinal, upto=batch[2099].ordinal)
    assert list(vault.query(upto)) == attempts[1500:2100]


def test_partitions_are_read_as_one_log_and_at_a_cut(
    writer: CassandraVaultWriter, vault: CassandraVault
) -> None:
    log = Log()
    batches: dict[int, list] = {0: [], 1: [], 2: []}  # type: ignore[type-arg]
    for number in range(300):
        partition = number * 7 % 3
        batches[partition] += log.take(memory(number + 1, number + 1), partition=partition)
    for batch in batches.values():
        write(writer, batch)
    told = [attempt.event_id for attempt in vault.query(LogQuery(actor="agent:alice"))]
    assert told == [ident(number + 1) for number in range(300)]
    assert vault.folded_size() == 300
    assert vault.folded_cut() == tuple(Position(partition, 100) for partition in range(3))
    cut = (Position(0, 10), Position(2, 3))
    at = vault.cutoffs(cut)
    assert at == Cutoffs((batches[0][9].ordinal, -1, batches[2][2].ordinal))
    seen = {each.position for each in vault.query(LogQuery(upto=at))}
    assert seen == {Position(0, n) for n in range(10)} | {Position(2, n) for n in range(3)}
    outside = batches[0][10].event.cube_id
    assert vault.state_at(outside, at) is None
    assert vault.attempts(outside, at) == []
    assert vault.state_at(outside) is not None
    assert len(vault.cubes_of_subjects([b"u" * 16])) == 300
    assert vault.cubes_in_scope("acme/alice") == sorted(ident(n + 1) for n in range(300))
    assert vault.cubes_in_scope("acme/ali") == []
    assert len(list(vault.query(LogQuery(sources=(b"s" * 16,), scope="acme")))) == 300
    assert list(vault.query(LogQuery(sources=(b"x" * 16,)))) == []


def test_a_record_that_is_no_event_is_kept_and_stands_in_no_cube(
    writer: CassandraVaultWriter, vault: CassandraVault
) -> None:
    log = Log()
    batch = [*log.take(memory(1, 1)), log.take_damaged(b"\xff\xff"), *log.take(revision(2, 1))]
    write(writer, batch)
    assert vault.data_of(Position(0, 1)) == b"\xff\xff"
    assert [each.position.offset for each in vault.query(LogQuery())] == [0, 2]
    assert [each.attempt.sequence for each in vault.folded(0, 0, 3)] == [1, 2]
    assert vault.folded_size() == 3


def test_attempts_on_a_cube_that_was_never_made_are_told(
    writer: CassandraVaultWriter, vault: CassandraVault
) -> None:
    log = Log()
    batch = log.take(revision(1, 1), revision(2, 1))
    write(writer, batch)
    assert [each.outcome.reason for each in vault.attempts(ident(1))] == [Reason.NOT_FOUND] * 2
    assert len(vault.attempts(ident(1), batch[0].ordinal)) == 1
    assert vault.head(ident(1)) is None


def test_outcomes_of_many_events_are_told_with_what_follows_from_them(
    writer: CassandraVaultWriter, vault: CassandraVault
) -> None:
    log = Log()
    merged = memory(3, 3)
    target = merged.generated.absorbs.add()
    target.cube_id, target.scope = ident(1), merged.scope
    refused = revision(4, 1)
    refused.expected_version = 8
    batch = log.take(memory(1, 1), memory(2, 2), merged, refused)
    write(writer, batch)
    wanted = {ident(1): ident(1), ident(3): ident(3), ident(4): ident(1), ident(9): ident(1)}
    told = vault.outcomes(wanted)
    assert set(told) == {ident(1), ident(3), ident(4)}
    assert told[ident(3)].caused == batch[2].caused
    assert len(told[ident(3)].caused) == 1
    assert told[ident(4)].attempt.outcome.result is Result.REJECTED
    assert told[ident(1)].record == batch[0].record
    assert vault.created(ident(1)) == batch[0].record.log_time


def test_hints_of_endings_and_erases_are_confirmed_by_heads(
    writer: CassandraVaultWriter, vault: CassandraVault
) -> None:
    batches = story(Log())
    for batch in [*batches[0], *batches[1]]:
        write(writer, batch)
    assert vault.ending(1004) == []
    assert vault.ending(1005) == [ident(4)]
    assert vault.erasing() == [ident(70)]
    assert vault.cut("before the move") == (Position(0, 2),)
    assert vault.cuts() == {"before the move": (Position(0, 2),)}
    for batch in batches[2]:
        write(writer, batch)
    assert vault.ending(1005) == []


def test_the_first_record_of_an_edge_stays(
    writer: CassandraVaultWriter, vault: CassandraVault
) -> None:
    log = Log()
    links = []
    for number in (2, 3):
        link = event(Kind.LINKED, number, 1)
        edge = link.edges.add(relation=6)
        edge.other.cube_id, edge.other.version, edge.other.digest = ident(9), 1, b"%d" % number
        links.append(link)
    first, second = log.take(memory(1, 1), links[0]), log.take(links[1])
    for batch in (second, first, second):
        write(writer, batch)
    (kept,) = vault.edges(ident(9), downstream=True)
    assert kept.source_digest == b"2"
    assert vault.edges(ident(1), downstream=False, version=1) == [kept]
    assert vault.edges(ident(1), downstream=False, version=2) == []


def test_a_checkpoint_is_never_set_back(
    writer: CassandraVaultWriter, vault: CassandraVault
) -> None:
    writer.write_checkpoint(FOLD, 0, 20, 200, 2000)
    writer.write_checkpoint(FOLD, 0, 10, 100, 1000)
    writer.write_checkpoint("index", 0, 5, 50, 500)
    assert vault.checkpoints() == {0: (20, 200, 2000)}
    assert vault.checkpoints("index") == {0: (5, 50, 500)}


def test_records_larger_than_a_batch_may_be_are_written(
    writer: CassandraVaultWriter, vault: CassandraVault
) -> None:
    log = Log()
    batch = log.take(*(memory(n, n, box=bytes([n]) * 20_000 * n) for n in range(1, 10)))
    write(writer, batch)
    for folded in batch:
        assert vault.data_of(folded.record.position) == folded.record.data


def test_heads_come_in_id_order_however_many(
    writer: CassandraVaultWriter, vault: CassandraVault, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(writer, Log().take(*(memory(n, n) for n in range(1, 51))))
    monkeypatch.setattr(heads, "SORTED_AT_ONCE", 8)
    assert [cube_id for cube_id, _, _ in vault.heads()] == [ident(n) for n in range(1, 51)]
    assert set(vault.heads_many(ident(n) for n in range(60))) == {ident(n) for n in range(1, 51)}


def test_a_generation_is_filled_beside_the_live_one_and_switched_to(empty: Keyspaces) -> None:
    store = empty.cassandra
    live = schema.live_generation(store)
    write(CassandraVaultWriter(store), Log().take(memory(1, 1)))
    beside = schema.new_generation(store)
    write(CassandraVaultWriter(store, beside), Log().take(memory(2, 2)))
    assert CassandraVault(store).head(ident(2)) is None
    schema.let_switch(store, "first")
    schema.switch_to(store, beside, "first")
    assert CassandraVault(store).head(ident(2)) is not None
    assert CassandraVault(store).head(ident(1)) is None
    schema.let_switch(store, "second")
    with pytest.raises(VaultError, match="another rebuild has begun"):
        schema.switch_to(store, live, "first")
    assert schema.live_generation(store) == beside
    schema.switch_to(store, live, "second")
    schema.drop_generation(store, beside)
    assert schema.generations(store) == [live]
