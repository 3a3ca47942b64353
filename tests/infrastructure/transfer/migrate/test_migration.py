"""A vault that moves is the same vault: nothing is lost, nothing is there twice, old proofs hold."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewPartitions

from memos import (
    Denied,
    MemCube,
    Memory,
    OtherContent,
    PartitionsChanged,
    Proof,
    Receipt,
    Refused,
    VaultError,
)
from memos.infrastructure.clock import system_time
from memos.infrastructure.log.kafka.first_place import first_in
from memos.infrastructure.log.kafka.groups import running_workers
from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.servers import LocalServers
from memos.interface.vaults import doctor, migrate
from tests.fleet import PARTITIONS, Fleet

ACTOR = "agent:alice"
COUNT = 60
DAY = 86_400_000_000
CHILD = Path(__file__).with_name("migration_child.py")


class Original(NamedTuple):
    """A vault with one of everything, and what it says of itself."""

    path: Path
    digest: str
    events: int
    proof: Proof
    verifier_key: str
    receipts: list[Receipt]


@pytest.fixture
def original(tmp_path: Path) -> Original:
    path = tmp_path / "team.vault"
    with Memory(path, actor=ACTOR) as memory:
        receipts = [
            memory.add(
                f"Caroline's kiln number {n} arrived.",
                scope=f"acme/alice/chat-{n % 5}",
                source=f"web:blog/{n}",
                subject=f"person:{n % 6}",
                idempotency_key=f"key-{n}" if n % 2 else None,
            )
            for n in range(COUNT)
        ]
        memory.name_cut("before")
        for receipt in receipts[:10]:
            memory.update(receipt.cube_id, "It broke.")
        memory.merge([receipts[20].cube_id, receipts[21].cube_id])
        memory.rollback(source="web:blog/30")
        memory.erase(subject="person:3")
        memory.get(receipts[1].cube_id)
        memory.get(receipts[1].cube_id)
        proof = memory.prove(receipts[2].event_id)
        figures = memory.stats()
        return Original(
            path, memory.digest(), figures.events, proof, figures.verifier_key, receipts
        )


@pytest.fixture
def other(engines: LocalServers, tmp_path: Path) -> Iterator[Fleet]:
    """Topics and keyspaces of other names, on the same servers."""
    directory = tmp_path / "other"
    directory.mkdir()
    made = Fleet(directory, engines)
    told = made.path.read_text()
    made.path.write_text(
        told.replace(f"partitions = {PARTITIONS}", f"partitions = {PARTITIONS + 2}")
    )
    try:
        yield made
    finally:
        made.remove()


@pytest.fixture
def fleet(engines: LocalServers, tmp_path: Path) -> Iterator[Fleet]:
    directory = tmp_path / "fleet"
    directory.mkdir()
    made = Fleet(directory, engines)
    try:
        yield made
    finally:
        made.remove()


def check_same(path: Path, original: Original) -> None:
    """The vault at `path` says what the original said."""
    with Memory(original.path, actor=ACTOR) as before, Memory(path, actor=ACTOR) as memory:
        assert memory.digest() == original.digest
        assert memory.verify().problems == ()
        assert memory.audit().problems == ()
        for receipt in (original.receipts[0], original.receipts[20], original.receipts[30]):
            old, new = (each.history(receipt.cube_id) for each in (before, memory))
            assert [change.text for change in new] == [change.text for change in old]
            ids = [[change.entry.event_id for change in each] for each in (old, new)]
            assert ids[0] == ids[1]
            times = [[change.entry.log_time for change in each] for each in (old, new)]
            assert times[0] == times[1]
        told = memory.get(original.receipts[0].cube_id, as_of="before")
        assert told is not None
        assert getattr(told, "text", "") == "Caroline's kiln number 0 arrived."
        found = memory.search("kiln 17", scope="acme", k=1)
        assert [hit.cube_id for hit in found] == [original.receipts[17].cube_id]
        erased = memory.get(original.receipts[3].cube_id)
        assert type(erased).__name__ == "Forgotten"
        used = memory.get(original.receipts[1].cube_id)
        assert isinstance(used, MemCube)
        assert used.uses >= 2  # before the move
        (ancestor,) = memory.migrated_from()[-1:]
        assert ancestor.verifier_key == original.verifier_key
        assert original.proof.verify(ancestor.verifier_key)
        assert memory.verifier_key() != original.verifier_key


def check_retries(path: Path, original: Original) -> None:
    """A retry under an old idempotency key lands on the old memory."""
    given: dict[str, Any] = {
        "scope": "acme/alice/chat-0",
        "source": "web:blog/25",
        "subject": "person:1",
    }
    with Memory(path, actor=ACTOR) as memory:
        again = memory.add("Caroline's kiln number 25 arrived.", **given, idempotency_key="key-25")
        assert again.cube_id == original.receipts[25].cube_id
        assert again.event_id == original.receipts[25].event_id
        with pytest.raises(OtherContent):
            memory.add("Another text.", **given, idempotency_key="key-25")


def kill_at(source: Path, target: Path, done: int) -> None:
    """Begin a migration in a process that is killed when so many records are done."""
    ended = subprocess.run(
        [sys.executable, str(CHILD), str(source), str(target), ACTOR, str(done)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == -signal.SIGKILL, ended.stderr


def test_a_vault_moves_to_another_directory(original: Original, tmp_path: Path) -> None:
    target = tmp_path / "other.vault"
    report = migrate(original.path, target, actor=ACTOR)
    assert (report.events, report.present) == (original.events, 0)
    assert report.digest == original.digest
    check_same(target, original)
    check_retries(target, original)


def test_a_move_that_was_killed_goes_on_and_nothing_is_there_twice(
    original: Original, tmp_path: Path
) -> None:
    target = tmp_path / "other.vault"
    for done in (10, 30):
        kill_at(original.path, target, done)
        assert not target.exists()
    report = migrate(original.path, target, actor=ACTOR)
    assert 0 < report.present < original.events
    assert report.present + report.events == original.events
    with Memory(target, actor=ACTOR) as memory:
        assert memory.stats().events == original.events
    check_same(target, original)


def test_what_was_written_between_two_tries_comes_along(original: Original, tmp_path: Path) -> None:
    target = tmp_path / "other.vault"
    kill_at(original.path, target, 20)
    with Memory(original.path, actor=ACTOR) as memory:
        memory.erase(subject="person:1")
        memory.add("New since.", scope="acme/alice")
        digest = memory.digest()
    assert migrate(original.path, target, actor=ACTOR).digest == digest
    with Memory(target, actor=ACTOR) as memory:
        assert memory.digest() == digest
        assert memory.verify().ok
        assert memory.search("new since", scope="acme", k=1)[0].text == "New since."


def test_a_second_move_finds_it_done_and_a_vault_that_went_on_is_refused(
    original: Original, tmp_path: Path
) -> None:
    target = tmp_path / "other.vault"
    migrate(original.path, target, actor=ACTOR)
    again = migrate(original.path, target, actor=ACTOR)
    assert (again.events, again.present) == (0, original.events)
    with Memory(original.path, actor=ACTOR) as memory:
        memory.add("New since.", scope="acme/alice")
    with pytest.raises(Refused, match="two ways"):
        migrate(original.path, target, actor=ACTOR)


def test_a_directory_that_holds_something_else_is_refused(
    original: Original, tmp_path: Path
) -> None:
    with Memory(tmp_path / "other.vault", actor=ACTOR) as memory:
        memory.add("Mine.", scope="acme")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "letter.txt").write_text("Dear Zoe")
    for taken in ("other.vault", "files"):
        with pytest.raises(Refused, match="something else"):
            migrate(original.path, tmp_path / taken, actor=ACTOR)


def test_only_the_administrator_moves_a_vault(original: Original, tmp_path: Path) -> None:
    with pytest.raises(Denied):
        migrate(original.path, tmp_path / "other.vault", actor="agent:zoe")
    assert not (tmp_path / "other.vault").exists()


def test_a_vault_moves_to_servers_and_back(
    original: Original, fleet: Fleet, tmp_path: Path
) -> None:
    report = migrate(original.path, fleet.path, actor=ACTOR)
    assert (report.events, report.digest) == (original.events, original.digest)
    fleet.start_all()
    check_same(fleet.path, original)
    check_retries(fleet.path, original)
    with Memory(fleet.path, actor=ACTOR) as memory:
        memory.add("Written on the servers.", scope="acme/alice")
        digest = memory.digest()
        assert memory.rebuild().digest == digest
    back = tmp_path / "back.vault"
    assert migrate(fleet.path, back, actor=ACTOR).digest == digest
    with Memory(back, actor=ACTOR) as memory:
        assert next(each.origin for each in memory.migrated_from()) == report.origin
        assert memory.verify().ok
        assert memory.audit().ok
        assert memory.search("servers", scope="acme", k=1)[0].text == "Written on the servers."
        old = memory.get(original.receipts[0].cube_id, as_of="before")
        assert getattr(old, "text", "") == "Caroline's kiln number 0 arrived."
    check_retries(back, original)


def test_what_an_erase_left_standing_is_read_on_servers_and_what_it_waits_for_goes_there(
    fleet: Fleet, tmp_path: Path
) -> None:
    path, scope = tmp_path / "team.vault", "acme/s"
    with (
        Memory(tmp_path / "first.vault", actor=ACTOR) as first,
        Memory(path, actor=ACTOR) as here,
        Memory(path, actor="agent:bob") as bob,
        Memory(path, actor="agent:eve", clock=lambda: system_time() - 2 * DAY) as eve,
    ):
        bait = eve.add("bait", scope=scope).cube_id
        notes = [bob.add(f"notes {n}", scope=scope, derived_from=[bait]).cube_id for n in range(8)]
        eve.set_lifespan(bait, "1d", then="erase")
        assert set(here.sweep().left) == set(notes)
        theirs = first.add("private", scope=scope).cube_id
        first.export(tmp_path / "before")
        here.import_export(tmp_path / "before")
        copy = here.add("copied", scope=scope, derived_from=[theirs]).cube_id
        here.hold(copy)
        first.erase(cube_id=theirs)
        first.export(tmp_path / "after")
        assert here.import_export(tmp_path / "after").left == (copy,)
    migrate(path, fleet.path, actor=ACTOR)
    fleet.start_all()
    with Memory(fleet.path, actor=ACTOR) as memory:
        for rebuilt in (False, True):
            if rebuilt:
                memory.rebuild()
            assert all(isinstance(memory.get(cube_id), MemCube) for cube_id in notes)
            assert {hit.cube_id for hit in memory.search("notes", scope="acme")} == set(notes)
        assert memory.sweep().held == (copy,)
        memory.lift_hold(copy)
        assert memory.sweep().erased == (copy,)
        assert memory.search("copied", scope="acme") == []
        assert memory.sweep().held == ()


@pytest.mark.soak
def test_a_move_to_servers_that_was_killed_goes_on_and_nobody_opens_it_before(
    original: Original, fleet: Fleet
) -> None:
    events = original.events
    for done in (20, 50, events + 1):  # the last one in the middle of the fold
        kill_at(original.path, fleet.path, done)
        with pytest.raises(VaultError, match="being moved"):
            Memory(fleet.path, actor=ACTOR, create=False)
    report = migrate(original.path, fleet.path, actor=ACTOR)
    assert (report.events, report.present) == (0, events)
    with closing(KafkaLogs(fleet.settings.kafka)) as logs:
        end = logs.events.end()
        assert sum(end.values()) == events
        firsts = [
            first_in(headers)
            for partition, size in end.items()
            for _, headers in logs.events.read_with_headers(partition, 0, size)
        ]
        offsets = sorted(first.offset for first in firsts if first is not None)
        assert offsets == list(range(events))
        assert {first.origin for first in firsts if first is not None} == {report.origin}
        _, published = logs.checkpoints.read(0, 0, 2)  # behind the mark of the topics
    assert published.data.decode().startswith(report.origin)
    fleet.start_all()
    check_same(fleet.path, original)


def test_a_vault_moves_from_servers_to_servers_with_another_number_of_partitions(
    original: Original, fleet: Fleet, other: Fleet
) -> None:
    migrate(original.path, fleet.path, actor=ACTOR)
    fleet.start_all()
    with Memory(fleet.path, actor=ACTOR) as memory:
        memory.update(original.receipts[40].cube_id, "It moved once.")
        memory.name_cut("between")
        memory.update(original.receipts[40].cube_id, "It moves again.")
        digest, key, events = memory.digest(), memory.verifier_key(), memory.stats().events
        proof = memory.prove(original.receipts[2].event_id)
    kill_at(fleet.path, other.path, events // 2)
    report = migrate(fleet.path, other.path, actor=ACTOR)
    assert report.digest == digest
    assert report.events + report.present == events
    other.start_all()
    with Memory(other.path, actor=ACTOR) as memory:
        assert memory.digest() == digest
        assert memory.verify().problems == ()
        assert memory.audit().problems == ()
        first, second = memory.migrated_from()
        assert (first.verifier_key, second.verifier_key) == (original.verifier_key, key)
        assert original.proof.verify(first.verifier_key)
        assert proof.verify(second.verifier_key)
        for cut, text in (
            ("before", "Caroline's kiln number 40 arrived."),
            ("between", "It moved once."),
        ):
            told = memory.get(original.receipts[40].cube_id, as_of=cut)
            assert getattr(told, "text", "") == text
        moved = memory.get(original.receipts[40].cube_id)
        assert getattr(moved, "text", "") == "It moves again."
        memory.add("New here.", scope="acme/alice")
        assert memory.search("new here", scope="acme", k=1)[0].text == "New here."
    check_retries(other.path, original)


@pytest.mark.soak
def test_a_vault_whose_topics_somebody_gave_more_partitions_moves_to_others(
    original: Original, fleet: Fleet, other: Fleet
) -> None:
    migrate(original.path, fleet.path, actor=ACTOR)
    fleet.start("fold")
    fleet.start("index")
    with Memory(fleet.path, actor=ACTOR) as memory:
        cube = memory.add("Left to be folded.", scope="acme/alice").cube_id
        pair = [memory.add(f"part {n}", scope="acme/alice").cube_id for n in range(2)]
        fleet.stop("index")
        fleet.stop("fold")
    with Memory(fleet.path, actor=ACTOR, wait="durable") as memory:
        memory.add("Never folded there.", scope="acme/alice")
    kafka = fleet.settings.kafka
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for done in admin.create_partitions([NewPartitions(kafka.events, 7)]).values():
        done.result()
    with pytest.raises(PartitionsChanged, match="memos migrate"):
        Memory(fleet.path, actor=ACTOR)
    assert any("memos migrate" in finding.mend for finding in doctor(fleet.path))
    migrate(fleet.path, other.path, actor=ACTOR)
    other.start_all()
    with Memory(other.path, actor=ACTOR) as memory:
        assert memory.audit().problems == ()
        assert memory.verify().problems == ()
        assert getattr(memory.get(cube), "text", "") == "Left to be folded."
        assert memory.search("never there", scope="acme", k=1)[0].text == "Never folded there."
        assert len(memory.merge(pair).cube_id) == len(cube)
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    producer.produce(kafka.events, b"foreign", b"key", partition=6)
    assert producer.flush(60) == 0
    with pytest.raises(PartitionsChanged, match="another program wrote 1 records"):
        migrate(fleet.path, other.path, actor=ACTOR)


def test_an_export_is_loaded_onto_servers_and_goes_on_where_it_was_killed(
    original: Original, fleet: Fleet, tmp_path: Path
) -> None:
    with Memory(original.path, actor=ACTOR) as memory:
        memory.export(tmp_path / "out.memos", passphrase="correct horse")
        used = memory.usage_digest()
    kill_at(tmp_path / "out.memos", fleet.path, 30)
    with Memory.load(
        tmp_path / "out.memos", fleet.path, actor=ACTOR, passphrase="correct horse"
    ) as memory:
        report = memory.load_report
        assert report is not None
        assert report.ok
        assert 0 < report.present < original.events
        assert report.present + report.events == original.events
    fleet.start_all()
    with Memory(fleet.path, actor=ACTOR) as memory:
        assert memory.usage_digest() == used
    check_same(fleet.path, original)
    check_retries(fleet.path, original)
    with Memory(fleet.path, actor=ACTOR) as memory:
        memory.add("New since.", scope="acme/alice")
    with pytest.raises(Refused, match="two ways"):
        Memory.load(tmp_path / "out.memos", fleet.path, actor=ACTOR, passphrase="correct horse")


def test_servers_that_hold_something_else_or_have_workers_are_refused(
    original: Original, fleet: Fleet
) -> None:
    fleet.make(ACTOR)
    fleet.start("fold")
    while not running_workers(fleet.settings.kafka):
        pass
    with pytest.raises(Refused, match="fold"):
        migrate(original.path, fleet.path, actor=ACTOR)
    fleet.start("index")
    with Memory(fleet.path, actor=ACTOR) as memory:
        memory.add("Mine.", scope="acme")
    fleet.end()
    with pytest.raises(Refused, match="something else"):
        migrate(original.path, fleet.path, actor=ACTOR)
