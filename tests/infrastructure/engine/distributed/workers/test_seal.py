"""Sealed trees: proofs verify, and nobody can change the log unseen."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from memos.infrastructure.engine.distributed.live_generation import LiveGeneration
from memos.infrastructure.engine.distributed.proofs import DistributedProofs
from memos.infrastructure.engine.distributed.stores import (
    Generation,
    Stores,
    open_generation,
)
from memos.infrastructure.engine.distributed.tree_rows import TreeRows
from memos.infrastructure.engine.distributed.workers import seal as sealing
from memos.infrastructure.engine.distributed.workers.seal import Seals, SealWorker
from memos.infrastructure.keys.signer import NoteVerifier
from memos.infrastructure.vault.cassandra import schema
from memos.kernel.errors import Damaged, InvalidInput
from memos.kernel.event import Position, Record
from memos.kernel.leaf import leaf_of
from memos.kernel.merkle import Frontier, verify_consistency, verify_inclusion
from memos.kernel.note import Checkpoint, open_note

RECORDS = 700


def append(stores: Stores, count: int, begin: int = 0) -> None:
    stores.logs.events.append(
        [(b"key", b"record %d" % number) for number in range(begin, begin + count)]
    )


def partition_of(stores: Stores) -> int:
    return stores.logs.events.partition_of(b"key")


def records(stores: Stores) -> list[Record]:
    return list(stores.logs.events.read(partition_of(stores)))


def tree_of(found: Sequence[Record]) -> Frontier:
    tree = Frontier()
    tree.extend(leaf_of(each.position.offset, each.log_time, each.data) for each in found)
    return tree


@pytest.fixture
def live(stores: Stores) -> Generation:
    return stores.live()


@pytest.fixture
def sealed(stores: Stores, live: Generation) -> list[Record]:
    append(stores, RECORDS)
    found = records(stores)
    SealWorker(stores, live).take(found)
    return found


def test_the_signed_head_is_that_of_the_records(
    stores: Stores, live: Generation, sealed: list[Record]
) -> None:
    partition = partition_of(stores)
    head = DistributedProofs(stores, LiveGeneration(stores)).sign(partition)
    assert (head.size, head.root) == (RECORDS, tree_of(sealed).root())
    note = open_note(head.note, [NoteVerifier(stores.signer().verifier_key)])
    checkpoint = Checkpoint.parse(note.text)
    assert checkpoint == Checkpoint(f"{stores.origin}/{partition}", RECORDS, head.root)


def test_checkpoints_are_published(stores: Stores, sealed: list[Record]) -> None:
    _, published = stores.logs.checkpoints.read(0)  # behind the mark of the topics
    assert f"{stores.origin}/{partition_of(stores)}\n{RECORDS}\n".encode() in published.data


def test_every_record_is_proved_to_be_in_the_tree(
    stores: Stores, live: Generation, sealed: list[Record]
) -> None:
    trees = DistributedProofs(stores, LiveGeneration(stores))
    for offset in (0, 255, 256, 511, 512, RECORDS - 1):
        position = Position(partition_of(stores), offset)
        proof = trees.inclusion(position, RECORDS)
        leaf = leaf_of(offset, *trees.record(position)[1:])
        assert verify_inclusion(leaf, offset, RECORDS, proof, tree_of(sealed).root())


def test_every_earlier_tree_is_proved_to_be_a_prefix(
    stores: Stores, live: Generation, sealed: list[Record]
) -> None:
    trees = DistributedProofs(stores, LiveGeneration(stores))
    for old in (0, 1, 255, 256, 300, 512, RECORDS):
        proof = trees.consistency(partition_of(stores), old, RECORDS)
        old_root, root = tree_of(sealed[:old]).root(), tree_of(sealed).root()
        assert verify_consistency(old, old_root, RECORDS, root, proof)


def test_nothing_is_proved_beyond_what_is_sealed(
    stores: Stores, live: Generation, sealed: list[Record]
) -> None:
    with pytest.raises(InvalidInput, match="memos worker seal"):
        DistributedProofs(stores, LiveGeneration(stores)).inclusion(
            Position(partition_of(stores), 0), RECORDS + 1
        )


def test_a_worker_that_starts_in_the_middle_goes_on_with_the_same_tree(
    stores: Stores, live: Generation
) -> None:
    append(stores, RECORDS)
    found = records(stores)
    for begin in range(0, RECORDS, 130):
        worker = SealWorker(stores, live)
        assert worker.assigned(partition_of(stores)) == begin
        worker.take(found[begin : begin + 130])
    stored, log_time = TreeRows(stores.cassandra, live.writer.keyspace).frontier(
        partition_of(stores)
    )
    assert stored.to_bytes() == tree_of(found).to_bytes()
    assert log_time == found[-1].log_time


def test_records_that_are_delivered_again_change_nothing(
    stores: Stores, live: Generation, sealed: list[Record]
) -> None:
    worker = SealWorker(stores, live)
    worker.take(sealed[100:400])
    worker.take(sealed)
    stored, _ = TreeRows(stores.cassandra, live.writer.keyspace).frontier(partition_of(stores))
    assert stored.to_bytes() == tree_of(sealed).to_bytes()
    assert len(list(stores.logs.checkpoints.read(0, 1))) == 1


def test_a_crash_between_the_tiles_and_the_frontier_is_made_good(
    stores: Stores, live: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    append(stores, RECORDS)
    found = records(stores)

    def crash(*_: object) -> None:
        raise ConnectionError("killed here")

    with monkeypatch.context() as patched:
        patched.setattr(TreeRows, "write_frontier", crash)
        with pytest.raises(ConnectionError):
            SealWorker(stores, live).take(found)
    worker = SealWorker(stores, live)
    assert worker.assigned(partition_of(stores)) == 0
    worker.take(found)
    stored, _ = TreeRows(stores.cassandra, live.writer.keyspace).frontier(partition_of(stores))
    assert stored.to_bytes() == tree_of(found).to_bytes()


def test_a_hole_in_the_log_is_refused(stores: Stores, live: Generation) -> None:
    append(stores, 20)
    found = records(stores)
    with pytest.raises(Damaged, match="7 to 7"):
        SealWorker(stores, live).take(found[:7] + found[8:])


def test_log_times_that_fall_are_sealed_as_running_maximum(
    stores: Stores, live: Generation
) -> None:
    found = [
        Record(Position(0, n), time, b"data") for n, time in enumerate((5000, 9000, 3000, 9500))
    ]
    SealWorker(stores, live).take(found)
    expected = Frontier()
    for n, time in enumerate((5000, 9000, 9000, 9500)):
        expected.push(leaf_of(n, time, b"data"))
    stored, _ = TreeRows(stores.cassandra, live.writer.keyspace).frontier(0)
    assert stored.root() == expected.root()


def test_a_changed_record_is_caught_by_the_proof_and_by_the_check(
    stores: Stores, live: Generation
) -> None:
    append(stores, RECORDS)
    partition = partition_of(stores)
    honest = records(stores)
    changed = [
        each._replace(data=b"other") if each.position.offset == 300 else each for each in honest
    ]
    # Sealed and signed was another record than the log has now.
    SealWorker(stores, live).take(changed)
    with pytest.raises(Damaged, match=f"{partition}:256 to {partition}:511"):
        DistributedProofs(stores, LiveGeneration(stores)).inclusion(
            Position(partition, 300), RECORDS
        )
    seals = Seals(stores, live, partition)
    for each in honest:
        seals.push(each)
    assert "not the one that was signed" in " ".join(each.what for each in seals.problems())
    assert seals.checked == 0


def test_the_check_counts_the_checkpoints_that_hold_also_behind_a_rebuild(
    stores: Stores, live: Generation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sealing, "SIGN_RECORDS", 200)
    append(stores, RECORDS)
    found = records(stores)
    worker = SealWorker(stores, live)
    for begin in range(0, RECORDS, 100):
        worker.take(found[begin : begin + 100])
    rebuilt = open_generation(stores.cassandra, schema.new_generation(stores.cassandra))
    SealWorker(stores, rebuilt).take(found)
    seals = Seals(stores, rebuilt, partition_of(stores))
    for each in found:
        seals.push(each)
    assert seals.problems() == []
    assert seals.checked == 4  # 100, 300, 500 and 700, which was signed twice


def test_lost_records_are_told(stores: Stores, live: Generation, sealed: list[Record]) -> None:
    seals = Seals(stores, live, partition_of(stores))
    for each in sealed[:600]:
        seals.push(each)
    (problem,) = seals.problems()
    assert "600 records are there of the 700" in problem.what
