"""The runbooks of docs/, on servers of their own: each command is run as it stands on its page, in order.

The tests go on from one another: what one of them lost and brought back is what the next one loses.
"""

from __future__ import annotations

import resource
import shutil
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex

import psutil
import pytest
from confluent_kafka.admin import AdminClient

from memos import (
    Denied,
    Forgotten,
    KeysMissing,
    LogLost,
    MemCube,
    Memory,
    NotFound,
    Refused,
)
from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.distributed.settings import DistributedSettings, load_settings
from memos.infrastructure.engine.location import open_engine
from memos.infrastructure.log.kafka.topics import topic_ids
from memos.infrastructure.servers import EngineError, LocalServers, leased
from memos.infrastructure.vault.cassandra import schema
from memos.interface.vaults import remove_vault
from memos.kernel.event import id_bytes
from tests.docs.runbook import DOCS, Terminal, blocks, terminal
from tests.engines import up_or_skip
from tests.waiting import wait_until

ACTOR = "agent:alice"
ENVIRONMENT = {"MEMOS_ACTOR": ACTOR, "MEMOS_VAULT": "memos.toml"}
PARTITIONS = 2
LARGE = 8
ROOM = 256 * 1024
"""Bytes that a file may have, of a node whose tables hold more."""

FOLLOWERS = 4
"""The workers that follow partitions."""

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]


@dataclass
class Machine:
    """A directory with the servers of `memos engine up`, and a vault on them."""

    directory: Path
    terminal: Terminal

    @property
    def settings(self) -> DistributedSettings:
        return load_settings(self.directory / "memos.toml")

    def memory(self) -> Memory:
        return Memory(self.directory / "memos.toml", actor=ACTOR)

    def await_workers(self, partitions: int = PARTITIONS) -> None:
        self.terminal.await_said("goes on from", FOLLOWERS * partitions)

    def live_keyspace(self) -> str:
        with closing(CassandraSession(self.settings.cassandra)) as store:
            return schema.keyspace_of(store, schema.live_generation(store))

    def keyspaces(self) -> set[str]:
        with closing(CassandraSession(self.settings.cassandra)) as store:
            rows = store.execute("SELECT keyspace_name FROM system_schema.keyspaces")
            return {name for (name,) in rows if not str(name).startswith("system")}


def settings_text(servers: LocalServers) -> str:
    """As docs/distributed.md has them, with the addresses of these servers."""
    host, port = servers.address("cassandra").split(":")
    return (
        'engine = "distributed"\nroot_key = "root.key"\nwait_seconds = 120\n\n'
        f'[kafka]\nbootstrap_servers = "{servers.address("kafka")}"\npartitions = {PARTITIONS}\n\n'
        f'[cassandra]\nhosts = ["{host}"]\nport = {port}\nreplication_factor = 1\n'
        "request_timeout = 60\n"
    )


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    directory = tmp_path_factory.mktemp("machine")
    servers = LocalServers(directory / "memos.engine", ("kafka", "cassandra"), heap_mb=512)
    with leased(servers), terminal(directory, ENVIRONMENT) as shell:
        up_or_skip(servers)
        (directory / "memos.toml").write_text(settings_text(servers))
        made = Machine(directory, shell)
        shell.run("memos vault create memos.toml", "memos worker all --config memos.toml")
        made.await_workers()
        yield made


def add(memory: Memory, *texts: str, subject: str | None = None) -> list[str]:
    items = [{"text": text, "scope": "acme/notes", "subject": subject} for text in texts]
    return [receipt.cube_id for receipt in memory.add_many(items)]


def random_text() -> str:
    """What no file compresses to nothing."""
    return token_hex(64 * 1024)


def texts_of(memory: Memory, cube_ids: list[str]) -> list[str]:
    cubes = [memory.get(cube_id) for cube_id in cube_ids]
    return [cube.text for cube in cubes if isinstance(cube, MemCube)]


def test_what_was_erased_leaves_the_files_of_the_keys(machine: Machine) -> None:
    (_, on_this_machine) = blocks("distributed.md", "Erase")
    machine.terminal.run(*on_this_machine)


@pytest.mark.soak
def test_a_backup_brings_back_cassandra_alone_and_the_state_of_its_cut(machine: Machine) -> None:
    copy_kafka, copy_cassandra, copy_list = blocks("backup.md", "Back up servers")
    cassandra_alone, keys_missing = blocks("backup.md", "When only one of them is lost")
    put_back, fold_again, check = blocks("backup.md", "Restore servers")
    run = machine.terminal.run
    with machine.memory() as memory:
        kept = add(memory, *(f"Kiln number {n}." for n in range(20)))
        memory.update(kept[0], "Kiln number zero.")
        (caroline,) = add(memory, "Caroline likes pottery.", subject="caroline")
        (dora,) = add(memory, "Dora likes lakes.", subject="dora")
        memory.name_cut("before")
        at_cut = memory.digest()
    run(*copy_kafka)
    with machine.memory() as memory:
        behind = add(memory, *(f"Lake number {n}." for n in range(10)))
        memory.erase(subject="dora")
    run(*copy_cassandra)
    with machine.memory() as memory:
        (violin,) = add(memory, "A violin.")
        memory.update(kept[1], "Kiln number one, sold.")
        memory.erase(subject="caroline")
    run(*copy_list)

    machine.terminal.stop_workers()
    run(*cassandra_alone)
    with machine.memory() as memory:
        engine = memory._session.engine
        assert engine.erasure.are_gone([id_bytes(caroline)])  # its key had come back with the copy
        add(memory, "The log goes on.")
        assert texts_of(memory, [*kept[:2], *behind]) == [
            "Kiln number zero.",
            "Kiln number one, sold.",
            *(f"Lake number {n}." for n in range(10)),
        ]
        assert isinstance(memory.get(caroline), Forgotten)
        with pytest.raises(KeysMissing):
            memory.get(violin)
        assert violin in run(*keys_missing)
        memory.erase(cube_id=violin)
        assert memory.verify().ok
    machine.terminal.stop_workers()

    run("memos engine down memos.engine")
    shutil.rmtree(machine.directory / "memos.engine")
    for name in ("memos.toml", "root.key", "erased.jsonl"):
        (machine.directory / name).unlink()

    run(*put_back)
    with pytest.raises(LogLost, match=r"of the \d+ that this vault had folded"):
        machine.memory()
    run(*fold_again)
    machine.await_workers()
    opened = open_engine(
        machine.directory / "memos.toml", actor=ACTOR, clock=system_time, create=False
    )
    with closing(opened) as engine:
        assert engine.maintenance.digest() == at_cut
    # What was erased behind the copy of the keys is back, and what was erased between the two copies has
    # no keys any more: whoever opens the vault first erases both again.
    with pytest.warns(UserWarning, match="2 of its memories were erased"):
        memory = machine.memory()
    with memory:
        assert [type(memory.get(cube_id)) for cube_id in (caroline, dora)] == [Forgotten] * 2
        assert texts_of(memory, kept) == [
            "Kiln number zero.",
            *(f"Kiln number {n}." for n in range(1, 20)),
        ]
        assert [hit.cube_id for hit in memory.search("kiln zero", scope="acme", k=1)] == kept[:1]
        assert "before" in memory.cuts()
        for cube_id in (*behind, violin):
            with pytest.raises(NotFound):
                memory.get(cube_id)
        add(memory, "The log goes on.")
    run(*check)


def test_a_small_vault_is_exported_and_loaded_without_servers(machine: Machine) -> None:
    whole, since = blocks("backup.md", "Small vaults: an export")
    assert [since] == blocks("backup.md", "What came since")
    machine.terminal.run(*whole)
    with machine.memory() as memory:
        with Memory(machine.directory / "monday.vault") as copy:
            assert copy.digest() == memory.digest()
        (violin,) = add(memory, "A violin.")
    machine.terminal.run(since[0])
    with machine.memory() as memory:
        memory.update(violin, "A violin, tuned.")
    machine.terminal.run(*since[1:])
    with machine.memory() as memory, Memory(machine.directory / "friday.vault") as copy:
        assert copy.digest() == memory.digest()
        assert texts_of(copy, [violin]) == ["A violin, tuned."]


@pytest.mark.soak
def test_a_node_that_finds_no_room_for_its_tables_has_all_once_there_is_some(
    machine: Machine,
) -> None:
    (commands,) = blocks("operations.md", "A disk is full")
    servers = LocalServers(machine.directory / "memos.engine")
    node = psutil.Process(next(s.pid for s in servers.status() if s.server == "cassandra"))
    with machine.memory() as memory:
        kept = add(memory, *(random_text() for _ in range(LARGE)))
        texts = texts_of(memory, kept)
    node.rlimit(psutil.RLIMIT_FSIZE, (ROOM, resource.RLIM_INFINITY))
    with suppress(EngineError):  # it may not say so
        servers.nodetool(["flush", machine.live_keyspace()])
    assert "File too large" in servers.logs("cassandra", 500)
    servers.kill("cassandra")
    machine.terminal.run(*commands)
    with machine.memory() as memory:
        assert texts_of(memory, kept) == texts
        add(memory, "The log goes on.")


@pytest.mark.soak
def test_a_generation_that_is_lost_is_folded_again(machine: Machine) -> None:
    with machine.memory() as memory:
        digest = memory.digest()
    machine.terminal.stop_workers()
    with closing(CassandraSession(machine.settings.cassandra)) as store:
        store.define(f"DROP KEYSPACE {machine.live_keyspace()}")
    (commands,) = blocks("operations.md", "A generation is lost")
    machine.terminal.run(*commands)
    with machine.memory() as memory:
        assert memory.digest() == digest


def test_a_topic_that_is_lost_is_made_again_when_that_is_accepted(machine: Machine) -> None:
    with machine.memory() as memory:
        digest = memory.digest()
    machine.terminal.stop_workers()
    kafka = machine.settings.kafka
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for removed in admin.delete_topics([kafka.access, kafka.checkpoints]).values():
        removed.result()
    (commands,) = blocks("operations.md", "A topic is lost")
    machine.terminal.run(*commands)
    with machine.memory() as memory:
        assert memory.digest() == digest
        add(memory, "The log goes on.")


@pytest.mark.soak
def test_a_vault_is_moved_to_more_partitions_and_the_old_one_is_removed(machine: Machine) -> None:
    machine.terminal.run(*blocks("operations.md", "Upgrading, one after the other")[0])
    with machine.memory() as memory:
        digest = memory.digest()
    with pytest.raises(Refused, match=r"workers fold, index, seal, usage .* are running"):
        remove_vault(machine.directory / "memos.toml", actor=ACTOR)
    machine.terminal.stop_workers()
    with pytest.raises(Denied, match="only the vault's administrator"):
        remove_vault(machine.directory / "memos.toml", actor="agent:bob")
    text = (machine.directory / "memos.toml").read_text()
    names = f'partitions = {PARTITIONS + 1}\nprefix = "more"', 'keyspace = "more"\n'
    text = text.replace(f"partitions = {PARTITIONS}", names[0]) + names[1]
    (machine.directory / "more.toml").write_text(text.replace("root.key", "more.key"))
    (move,) = blocks("operations.md", "More workers, more partitions")
    machine.terminal.run(*move)
    machine.await_workers(PARTITIONS + 1)

    (removal,) = blocks("operations.md", "Several vaults on the same servers")
    assert machine.keyspaces() > {"memos", "more", "more_g1"}
    machine.terminal.run(*removal)
    assert {name for name in machine.keyspaces() if not name.startswith("more")} == set()
    wait_until(lambda: not topic_ids(machine.settings.kafka))
    with Memory(machine.directory / "more.toml", actor=ACTOR) as memory:
        assert memory.digest() == digest
        add(memory, "The log goes on.")


@pytest.mark.parametrize("page", ["backup.md", "operations.md"])
def test_a_runbook_is_tried_or_says_why_not(page: str) -> None:
    """Every block of commands is run by a test above, or is named here with the reason."""
    elsewhere = {
        "Is it well?": "asks a worker's port: test_worker_metrics.py",
        "A partition stopped": "the commands are those of other runbooks",
        "A rebuild": "tests/infrastructure/engine/distributed/test_rebuild.py",
        "A vault in a directory": "tests/docs/test_directory_backup.py",
        "Keys apart": "tests/docs/test_directory_backup.py",
        "Rotating the root key": "tests/infrastructure/engine/distributed/test_root_rotation.py",
    }
    text = (DOCS / page).read_text("utf-8")
    titles = [line.lstrip("# ") for line in text.splitlines() if line.startswith("#")]
    own = {t for t in titles if blocks(page, t)} - {titles[0], "Something is lost"} - set(elsewhere)
    source = Path(__file__).read_text("utf-8")
    assert {title for title in own if f'"{title}"' not in source} == set()
