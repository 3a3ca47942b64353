"""A rebuild beside another, beside an audit and beside writers; and one that was paused."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from threading import Event

import pytest

from memos import Memory, NotApplied, NotFound, VaultError, doctor
from memos.infrastructure.engine.distributed.building import REBUILD, built_generation
from memos.infrastructure.engine.distributed.generations import remove, remove_outlived
from memos.infrastructure.engine.distributed.rebuild import rebuild
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra.lease import Lease, holders
from memos.infrastructure.vault.cassandra.schema import generations, is_there, live_generation
from tests.fleet import Fleet
from tests.infrastructure.engine.distributed.test_audit_beside_writers import write_until
from tests.interface.cli.support import Shell
from tests.scenarios.place import ADMINISTRATOR, read
from tests.waiting import wait_until

pytestmark = [pytest.mark.engines, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def fleet(engines: LocalServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    made = Fleet(tmp_path_factory.mktemp("rebuilt"), engines)
    try:
        made.make(ADMINISTRATOR)
        made.start_all()
        with Memory(made.path, actor=ADMINISTRATOR) as memory:
            memory.add("Kilns are hot.", scope="acme")
        yield made
    finally:
        made.remove()


@pytest.fixture
def stores(fleet: Fleet) -> Iterator[Stores]:
    with closing(Stores(fleet.settings)) as opened:
        yield opened


@pytest.fixture
def memory(fleet: Fleet) -> Iterator[Memory]:
    with Memory(fleet.path, actor=ADMINISTRATOR) as opened:
        yield opened


def once(work: Callable[[], object]) -> Progress:
    """A progress that does some work when it is first told of any."""
    done = Event()

    def progress(_: int, __: int) -> None:
        if not done.is_set():
            done.set()
            work()

    return progress


def test_a_rebuild_waits_for_another_and_says_for_which(
    memory: Memory, stores: Stores, caplog: pytest.LogCaptureFixture
) -> None:
    before, digest = live_generation(stores.cassandra), memory.digest()
    with ThreadPoolExecutor(1) as threads, Lease(stores.cassandra, REBUILD) as other:
        assert other.take()
        with caplog.at_level(logging.WARNING, "memos"):
            rebuilding = threads.submit(memory.rebuild)
            wait_until(
                lambda: "another rebuild is under way" in caplog.text, "it says that it waits"
            )
        assert ", process " in caplog.text
        assert ", since 2" in caplog.text
        assert not rebuilding.done()
        assert live_generation(stores.cassandra) == before
        other.release()
        assert rebuilding.result().digest == digest
    assert live_generation(stores.cassandra) > before
    assert holders(stores.cassandra) == {}


@pytest.mark.soak
def test_a_rebuild_and_an_audit_do_not_disturb_each_other(
    fleet: Fleet, memory: Memory, stores: Stores
) -> None:
    with Memory(fleet.path, actor=ADMINISTRATOR) as other:
        audited = memory.audit(once(other.rebuild))
        assert audited.problems == ()
        during: list[object] = []
        rebuilt = memory.rebuild(once(lambda: during.extend(other.audit().problems)))
    assert (during, rebuilt.digest) == ([], memory.digest())
    live = live_generation(stores.cassandra)
    assert [number for number in generations(stores.cassandra) if number > live] == []


def test_a_rebuild_that_was_paused_for_too_long_switches_nothing_and_says_so(
    memory: Memory, stores: Stores
) -> None:
    before = live_generation(stores.cassandra)
    base = stores.settings.cassandra.keyspace

    def end_leases() -> None:
        for name in holders(stores.cassandra):
            stores.cassandra.execute(f"DELETE FROM {base}.lease WHERE name = ? IF EXISTS", (name,))

    with pytest.raises(VaultError, match=r"the lease of rebuild ended .* run the same again"):
        memory.rebuild(once(end_leases))
    assert live_generation(stores.cassandra) == before
    memory.rebuild()  # which drops what the other left
    assert len(generations(stores.cassandra)) == 2


def test_an_audit_whose_generation_rebuilds_have_removed_says_so(
    memory: Memory, stores: Stores
) -> None:
    def replace() -> None:
        with closing(Stores(stores.settings)) as other:
            rebuild(other, no_progress)
            remove(other.cassandra)

    with pytest.raises(
        VaultError, match="replaced by a rebuild and removed meanwhile: run the audit again"
    ):
        memory.audit(once(replace))


@pytest.mark.soak
def test_a_rebuild_beside_writers_loses_nothing_and_raises_no_alarm(
    fleet: Fleet, memory: Memory, stores: Stores
) -> None:
    done, shell = Event(), Shell(fleet.path)

    def written_meanwhile() -> bool:
        ran = shell.run("rebuild", "--json")
        assert ran.code == 0, ran.out + ran.err
        return bool(ran.result["written_meanwhile"])

    with ThreadPoolExecutor(2) as threads:
        writers = [threads.submit(write_until, fleet, number, done) for number in range(2)]
        try:
            wait_until(written_meanwhile, "a rebuild is beside writers")
        finally:
            done.set()
    assert all(writer.result() > 0 for writer in writers)
    memory.usage_digest()
    wait_until(
        lambda: stores.live().vault.folded_size() == sum(stores.logs.events.end().values()),
        "all is folded",
    )
    assert memory.audit().problems == ()
    digest = memory.digest()
    ran = shell.run("rebuild", "--json")
    assert (ran.code, ran.result["digest"]) == (0, digest)
    assert ran.result["written_meanwhile"] is False


def test_a_command_lists_the_generations_and_removes_those_that_nobody_uses(
    fleet: Fleet, memory: Memory, stores: Stores
) -> None:
    shell, store = Shell(fleet.path), stores.cassandra

    def states() -> dict[int, str]:
        told = shell.run("vault", "generations", "--json").result
        assert told["removed"] == []
        assert all(each["since"].endswith("Z") for each in told["generations"])
        return {each["number"]: each["state"] for each in told["generations"]}

    memory.rebuild()
    live = live_generation(store)
    (former,) = [number for number in generations(store) if number < live]
    with built_generation(store) as (built, _):
        assert states() == {former: "former", live: "live", built: "being built"}
        with Lease(store, REBUILD) as other:
            assert other.take()
            ran = shell.run("vault", "generations", "--remove", "--json")
            assert "a rebuild of the vault" in ran.error["message"]
        denied = shell.run("vault", "generations", "--remove", "--actor", "agent:bob", "--json")
        assert denied.error["type"] == "Denied"
        removed = shell.run("vault", "generations", "--remove", "--json").result
        assert removed["removed"] == [former]
        assert generations(store) == [live, built]
    assert states() == {live: "live", built: "left over"}
    warned = [found.what for found in doctor(fleet.path) if found.severity == "warning"]
    assert any(f"generation {built} is left over since 2" in what for what in warned)
    assert f"removed generation {built}" in shell.run("vault", "generations", "--remove").out
    assert generations(store) == [live]
    assert not is_there(store, former)
    assert memory.search("kilns", scope="acme")


def test_the_sweep_removes_a_former_generation_once_it_has_been_so_for_long(
    fleet: Fleet, memory: Memory, stores: Stores
) -> None:
    memory.rebuild()
    live = live_generation(stores.cassandra)
    assert remove_outlived(stores.cassandra, stores.settings.keep_former_hours) == ()
    assert len(generations(stores.cassandra)) == 2
    settings = fleet.path.read_text()
    fleet.path.write_text(
        settings.replace("\n\n[kafka]", "\nkeep_former_hours = 1e-6\n\n[kafka]", 1)
    )
    try:
        fleet.start("sweep", options=["--every", "0.2"])
        wait_until(lambda: generations(stores.cassandra) == [live], "the former one is removed")
        fleet.await_said("sweep", "removed generation")
        assert fleet.stop("sweep") == 0
    finally:
        fleet.path.write_text(settings)


def test_what_follows_from_an_event_that_no_worker_has_folded_is_not_lost(
    fleet: Fleet, memory: Memory
) -> None:
    """The last of the file: it ends the workers."""
    one, two = (memory.add(text, scope="acme/merge").cube_id for text in ("One.", "Two."))
    fleet.end()
    fleet.wait_for_workers(1)
    with Memory(fleet.path, actor=ADMINISTRATOR) as impatient:
        with pytest.raises(NotApplied):
            impatient.merge([one, two])
        impatient.rebuild()
        for absorbed in (one, two):
            with pytest.raises(NotFound):
                impatient.get(absorbed)
            assert read(impatient, absorbed, any_state=True).state == "Merged"
