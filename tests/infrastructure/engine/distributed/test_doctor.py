"""What `memos doctor` says of a distributed vault and its servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from memos import Finding, InvalidInput, Memory, doctor
from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.cassandra.settings import CassandraSettings
from memos.infrastructure.engine.distributed.doctor_cassandra import (
    copies_of,
    judge_consistency,
    judge_node,
    judge_settings,
    replicas_needed,
)
from memos.infrastructure.engine.distributed.doctor_workers import judge_lag, lag
from memos.infrastructure.log.kafka.groups import running_workers
from memos.infrastructure.log.kafka.settings import WORKERS
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra import schema
from memos.interface.vaults import create_vault
from tests.fleet import Fleet
from tests.waiting import wait_until

ACTOR = "agent:alice"


def told(findings: Sequence[Finding], severity: str = "") -> str:
    return "\n".join(f.what for f in findings if not severity or f.severity == severity)


@pytest.fixture
def fleet(engines: LocalServers, tmp_path: Path) -> Iterator[Fleet]:
    made = Fleet(tmp_path, engines)
    try:
        yield made
    finally:
        made.remove()


def test_a_consistency_says_how_many_nodes_it_needs() -> None:
    levels = ("ANY", "ONE", "LOCAL_ONE", "TWO", "LOCAL_QUORUM", "QUORUM", "ALL")
    assert [replicas_needed(each, 3) for each in levels] == [0, 1, 1, 2, 2, 2, 3]
    assert replicas_needed("LOCAL_QUORUM", 1) == 1
    assert replicas_needed("LOCAL_QUORUM", 4) == 3


def test_a_consistency_that_cannot_be_met_is_an_error() -> None:
    settings = CassandraSettings()
    assert not list(judge_consistency(settings, copies=3, up=2))
    found = told(list(judge_consistency(settings, copies=3, up=1)), "error")
    assert "no write can succeed" in found
    assert "no read can succeed" in found


def test_reads_that_may_miss_a_write_are_an_error() -> None:
    settings = CassandraSettings(read_consistency="ONE", write_consistency="ONE")
    assert "may miss" in told(list(judge_consistency(settings, copies=3, up=3)), "error")
    assert not list(judge_consistency(settings, copies=1, up=1))


def test_unsafe_settings_of_a_node_are_told() -> None:
    unsafe = {
        "commitlog_sync": "periodic",
        "auto_snapshot": "true",
        "incremental_backups": "true",
    }
    found = list(judge_settings("the node", unsafe))
    assert [each.severity for each in found] == ["warning"] * 3
    safe = {"commitlog_sync": "batch", "auto_snapshot": "false", "incremental_backups": "false"}
    assert not list(judge_settings("the node", safe))


def test_an_old_node_and_a_wrong_clock_are_told() -> None:
    assert "4.1.3" in told(list(judge_node("n", "4.1.3", 0)), "error")
    assert "90 s behind" in told(list(judge_node("n", "5.0.9", -90)), "warning")
    assert not list(judge_node("n", "5.0.9", 0.01))


def test_copies_are_those_of_the_datacenter() -> None:
    assert copies_of({"class": "NetworkTopologyStrategy", "dc1": "3", "dc2": "1"}, "dc1") == 3
    assert copies_of({"class": "SimpleStrategy", "replication_factor": "2"}, "dc1") == 2
    assert copies_of({"class": "NetworkTopologyStrategy", "dc2": "1"}, "dc1") == 0


def test_a_worker_that_is_behind_is_told_by_whether_it_moves() -> None:
    assert lag({0: 10, 1: 5}, {0: 4}) == 11
    end = {0: 10, 1: 5}
    (stuck,) = judge_lag("fold", end, {0: 4, 1: 5}, {0: 4, 1: 5})
    assert stuck.severity == "error"
    assert "6 records behind and does not move: partition 0 at 4 of 10" in stuck.what
    (moving,) = judge_lag("fold", end, {0: 4}, {0: 8, 1: 1})
    assert moving.severity == "warning"
    assert "6 records behind, and catching up" in moving.what
    assert not list(judge_lag("fold", end, {0: 4}, end))


def test_a_partition_that_stopped_is_told_of_while_the_others_catch_up() -> None:
    found = list(judge_lag("fold", {0: 10, 1: 500}, {0: 4}, {0: 4, 1: 300}))
    assert [each.severity for each in found] == ["error", "warning"]
    assert "partition 0 at 4 of 10" in told(found, "error")


def test_settings_that_do_not_fit_are_told(tmp_path: Path) -> None:
    path = tmp_path / "memos.toml"
    with pytest.raises(InvalidInput, match="there is no settings file"):
        doctor(path)
    path.write_text('engine = "distributed"\nroot = "key"\n')
    assert "root is no setting" in told(doctor(path), "error")
    path.write_text('engine = "embedded"\npath = "team.vault"\n')
    assert "there is no vault" in told(doctor(path), "error")
    Memory(tmp_path / "team.vault").close()
    assert doctor(path) == ()


def test_servers_that_do_not_answer_are_named(tmp_path: Path) -> None:
    path = tmp_path / "memos.toml"
    path.write_text(
        'engine = "distributed"\n\n[kafka]\nbootstrap_servers = "127.0.0.1:1"\ntimeout = 1\n\n'
        '[cassandra]\nhosts = ["127.0.0.1"]\nport = 2\n\n[milvus]\nuri = "http://127.0.0.1:3"\n'
        "timeout = 1\n"
    )
    found = told(doctor(path), "error")
    assert "Kafka at 127.0.0.1:1" in found
    assert "Cassandra at 127.0.0.1:2" in found
    assert "Milvus at http://127.0.0.1:3" in found
    assert "root.key is missing" in found


def test_a_vault_that_was_never_made_is_told_of_and_made_by_a_command(fleet: Fleet) -> None:
    found = told(doctor(fleet.path), "error")
    assert "there is no vault in the keyspace" in found
    assert "there is no topic" in found
    made = create_vault(fleet.path, actor=ACTOR)
    assert made.administrator == ACTOR
    assert create_vault(fleet.path, actor="agent:zoe") == made
    assert "there is no" not in told(doctor(fleet.path), "error")


def test_a_healthy_vault_on_one_node_has_warnings_only(fleet: Fleet) -> None:
    create_vault(fleet.path, actor=ACTOR)
    fleet.start_all()
    with Memory(fleet.path, actor=ACTOR) as memory:
        memory.add("She likes pottery.", scope="acme")
        written = datetime.now(UTC)
        wait_until(lambda: memory._folded_until() > written, "all that there is is folded")
    wait_until(lambda: running_workers(fleet.settings.kafka) == set(WORKERS), fleet.told, every=0.2)
    found = doctor(fleet.path)
    assert told(found, "error") == ""
    assert "one copy of each row" in told(found, "warning")
    assert "one copy of each record" in told(found, "warning")
    assert "worker" not in told(found)


def test_what_is_wrong_with_a_vault_is_named(fleet: Fleet) -> None:
    create_vault(fleet.path, actor=ACTOR)
    with Memory(fleet.path, actor=ACTOR, wait="durable") as memory:
        memory.add("She likes pottery.", scope="acme")
        assert memory._folded_until() == datetime.fromtimestamp(0, UTC)
    settings = fleet.settings
    store = CassandraSession(settings.cassandra)
    try:
        schema.new_generation(store)
        base = settings.cassandra.keyspace
        store.define(f"ALTER TABLE {base}.subject_key WITH gc_grace_seconds = 0")
        store.execute(f"INSERT INTO {base}.schema_version (id, version) VALUES (0, 99)")
    finally:
        store.close()
    settings.root_key.chmod(0o644)
    text = fleet.path.read_text()
    fleet.path.write_text(text.replace("replication_factor = 1", "replication_factor = 3"))
    found = doctor(fleet.path)
    errors, warnings = told(found, "error"), told(found, "warning")
    assert "can be read by other users" in errors
    assert "version 99" in errors
    assert "subject_key has gc_grace_seconds=0" in errors
    assert "the worker fold is 1 records behind and does not move" in errors
    assert "no worker fold is running" in errors
    assert "generation 2 is left over" in warnings
    assert "has 1 copies in datacenter1, and the settings say 3" in warnings
    fleet.path.write_text(text.replace("partitions = 4", "partitions = 5"))
    assert "the vault was made with 4" in told(doctor(fleet.path), "error")
    fleet.path.write_text(text)
    settings.root_key.chmod(0o600)
    kept = settings.root_key.read_bytes()
    for contents, says in (
        (b"x", "is no root key"),
        (kept[::-1].strip(), "is not the root key of"),
    ):
        settings.root_key.write_bytes(contents)
        (found_key,) = (one for one in doctor(fleet.path) if str(settings.root_key) in one.what)
        assert says in found_key.what
        assert "start it" not in found_key.mend


def break_by_nothing(path: Path) -> None:
    path.write_bytes(b"")


def break_by_a_directory(path: Path) -> None:
    path.mkdir()


def break_by_a_link(path: Path) -> None:
    path.symlink_to(path.name)


def break_by_bytes(path: Path) -> None:
    path.write_bytes(b"\xff" * 64)


@pytest.mark.parametrize(
    "damages", [break_by_nothing, break_by_a_directory, break_by_a_link, break_by_bytes]
)
def test_a_root_key_that_is_none_is_told_without_any_server(
    tmp_path: Path, damages: Callable[[Path], None]
) -> None:
    path = tmp_path / "memos.toml"
    path.write_text(
        'engine = "distributed"\n\n[kafka]\nbootstrap_servers = "127.0.0.1:1"\ntimeout = 1\n\n'
        '[cassandra]\nhosts = ["127.0.0.1"]\nport = 2\n'
    )
    damages(tmp_path / "root.key")
    (found,) = (one for one in doctor(path) if "root.key" in one.what)
    assert (found.severity, "backup" in found.mend) == ("error", True)
