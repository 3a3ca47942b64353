"""A vault is bound to its servers: other topics, a shorter log or another root key are refused, aloud and
before anything is written, by everybody who opens it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from threading import Event
from time import sleep

import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from memos import Denied, LogLost, Memory, MemosError, ProjectionsLost, VaultError, WrongRootKey
from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed import stores
from memos.infrastructure.engine.distributed.binding_watch import BindingWatch
from memos.infrastructure.engine.distributed.generations import generations as states
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.keys.root import create_root_file
from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.log.kafka.topics import create_topics, topic_config
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra import schema
from memos.interface.vaults import create_vault, doctor, rebuild_vault
from tests.fleet import PARTITIONS, WAIT_SECONDS, Fleet
from tests.interface.cli.support import Shell
from tests.waiting import wait_until

ACTOR = "agent:alice"
IMPATIENT = "tests.infrastructure.engine.distributed.impatient_worker"
TEXTS = [f"Kiln number {number}." for number in range(12)]

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]


@pytest.fixture
def fleet(engines: LocalServers, tmp_path: Path) -> Iterator[Fleet]:
    """A vault with memories that are folded, and no worker."""
    made = Fleet(tmp_path, engines)
    made.make(ACTOR)
    try:
        with Memory(made.path, actor=ACTOR, wait="durable") as memory:
            memory.add_many([{"text": text, "scope": "acme/a"} for text in TEXTS])
            memory.rebuild()
        yield made
    finally:
        made.remove()


@pytest.fixture
def shell(fleet: Fleet) -> Shell:
    return Shell(fleet.path)


def remove_topics(fleet: Fleet) -> None:
    kafka = fleet.settings.kafka
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for removed in admin.delete_topics(list(kafka.topics)).values():
        removed.result()


def remake_topics(kafka: KafkaSettings) -> None:
    """By hand, and not with all settings that they are made with."""
    config = {**topic_config(kafka), "retention.ms": "1000000000"}
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    for made in admin.create_topics(
        [NewTopic(kafka.events, PARTITIONS, 1, config=config)]
    ).values():
        made.result()
    create_topics(kafka)


def written(fleet: Fleet) -> int:
    with KafkaLogs(fleet.settings.kafka) as logs:
        return sum(sum(log.end().values()) for log in (logs.events, logs.access, logs.checkpoints))


def reset(fleet: Fleet, old: str, new: str) -> None:
    """Change the settings file."""
    told = fleet.path.read_text()
    assert old in told
    fleet.path.write_text(told.replace(old, new))


def refused_by_all(
    fleet: Fleet, error: type[MemosError], match: str, found_by_doctor: str = ""
) -> None:
    """Whoever opens the vault is told, also who makes, rebuilds and examines it, and a worker."""
    # Each of them for itself: one that made a thing would let the next pass.
    openers: list[Callable[[], object]] = [
        lambda: Memory(fleet.path, actor=ACTOR),
        lambda: Memory(fleet.path, actor=ACTOR, create=False),
        lambda: create_vault(fleet.path, actor=ACTOR),
        lambda: rebuild_vault(fleet.path, actor=ACTOR),
    ]
    for opened in openers:
        with pytest.raises(error, match=match):
            opened()
    assert fleet.start("fold").wait(WAIT_SECONDS) != 0
    found = [finding.what for finding in doctor(fleet.path) if finding.severity == "error"]
    assert re.search(found_by_doctor or match, "\n".join(found))


def test_topics_that_are_gone_are_not_made_again(fleet: Fleet, shell: Shell) -> None:
    reset(fleet, f"partitions = {PARTITIONS}\n", f"partitions = {PARTITIONS}\ntimeout = 8\n")
    with Memory(fleet.path, actor=ACTOR, wait="durable") as memory:
        remove_topics(fleet)
        with pytest.raises(LogLost, match="has no topic"):  # and not to try again
            memory.add("lost", scope="acme/a")
    figures = rf"of \S+events.v1 {len(TEXTS)} were folded, 0 are in the log"
    refused_by_all(fleet, LogLost, f"has no topic.*{figures}.*accept-loss")
    assert not [found for found in doctor(fleet.path) if "make the topics" in found.mend]
    assert shell.run("add", "lost", "--scope", "acme/a").code != 0
    admin = AdminClient({"bootstrap.servers": fleet.settings.kafka.bootstrap_servers})
    assert not set(admin.list_topics().topics) & set(fleet.settings.kafka.topics)


def test_topics_that_were_made_again_are_not_the_vaults_before_that_is_accepted(
    fleet: Fleet, shell: Shell
) -> None:
    with Memory(fleet.path, actor=ACTOR, wait="durable") as memory:
        remove_topics(fleet)
        remake_topics(fleet.settings.kafka)
        with pytest.raises(LogLost, match="was made anew"):
            memory.add_many([{"text": "lost", "scope": f"s{n}"} for n in range(20)])
    figures = rf"of \S+events.v1 {len(TEXTS)} were folded, 20 are in the log"
    refused_by_all(fleet, LogLost, f"made again.*{figures}.*accept-loss")
    found = doctor(fleet.path)
    assert re.search(f"made again.*{figures}", found[0].what)
    assert "`memos rebuild --accept-loss --vault memos.toml`" in found[0].mend
    assert any("has retention.ms=1000000000" in each.what for each in found[1:])
    with pytest.raises(Denied, match="administrator"):
        rebuild_vault(fleet.path, actor="agent:bob", accept_loss=True)
    with pytest.raises(LogLost, match="made again"):
        Memory(fleet.path, actor=ACTOR)
    ran = shell.run("rebuild", "--accept-loss")
    assert "digest before" in ran.out
    assert f"{len(TEXTS)} memories are gone" in ran.out
    assert "mended" not in ran.out
    assert ran.code == 6  # it is another vault than before
    with Memory(fleet.path, actor=ACTOR, wait="durable") as memory:
        memory.add("a beginning", scope="acme/a")
        assert memory.rebuild().events > 0


def test_whoever_has_a_vault_open_learns_soon_that_its_topics_were_made_again(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    fleet.start("fold", program=IMPATIENT)
    fleet.start("sweep", program=IMPATIENT, options=["--every", "0.2"])
    fleet.await_said("fold", "goes on from", PARTITIONS)
    fleet.await_said("sweep", "sweep every")
    not_the_vaults = "(has no topic|that one was deleted, and made again)"
    with closing(Stores(fleet.settings)) as elsewhere:
        bound = BindingWatch(fleet.settings, elsewhere.cassandra, 0)
        monkeypatch.setattr(stores, "LOOK_SECONDS", 0.1)
        with Memory(fleet.path, actor=ACTOR, wait="durable") as memory:
            memory.add("taken", scope="acme/a")
            bound.check()
            remove_topics(fleet)
            create_topics(fleet.settings.kafka)
            for worker in ("fold", "sweep"):
                assert fleet.process(worker).wait(WAIT_SECONDS) == 1
                assert re.search(f"memos worker {worker}: .*{not_the_vaults}", fleet.said(worker))
            with pytest.raises(LogLost, match="that one was deleted, and made again"):
                memory.add("lost", scope="acme/a")
            assert written(fleet) == 0
        rebuild_vault(fleet.path, actor=ACTOR, accept_loss=True)
        with pytest.raises(LogLost, match="was bound to other topics since it was opened"):
            bound.check()
        with pytest.raises(LogLost):
            bound.check()
    with Memory(fleet.path, actor=ACTOR, wait="durable") as memory:
        memory.add("a beginning", scope="acme/a")


def test_who_only_reads_learns_it_too_and_goes_on_while_kafka_says_nothing(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "LOOK_SECONDS", 0.1)
    with Memory(fleet.path, actor=ACTOR, mode="read") as memory:
        answered = Event()
        with monkeypatch.context() as silent:
            silent.setattr(BindingWatch, "_compare", lambda _: answered.wait(WAIT_SECONDS))
            sleep(0.2)
            for _ in range(3):
                assert memory.search("kiln", scope="acme")
            answered.set()
    with Memory(fleet.path, actor=ACTOR, mode="read") as memory:
        remove_topics(fleet)
        create_topics(fleet.settings.kafka)

        def is_told() -> bool:
            with suppress(LogLost):
                memory.search("kiln", scope="acme")
                return False
            return True

        wait_until(is_told, "who only reads is told that the topics are others")
        for _ in range(2):  # it stays so
            with pytest.raises(LogLost, match="that one was deleted, and made again"):
                memory.search("kiln", scope="acme")


def test_topics_of_another_name_are_not_the_vaults(fleet: Fleet) -> None:
    prefix = fleet.settings.kafka.prefix
    reset(fleet, f'prefix = "{prefix}"', f'prefix = "{prefix}x"')
    create_topics(fleet.settings.kafka)
    try:
        refused_by_all(fleet, LogLost, f"those of the vault.*are {prefix}.events")
        assert written(fleet) == 0
    finally:
        remove_topics(fleet)
        reset(fleet, f'prefix = "{prefix}x"', f'prefix = "{prefix}"')


def test_a_keyspace_of_another_name_begins_no_vault_on_the_topics_of_this(fleet: Fleet) -> None:
    keyspace, before = fleet.settings.cassandra.keyspace, written(fleet)
    reset(fleet, f'keyspace = "{keyspace}"', f'keyspace = "{keyspace}x"')
    try:
        with pytest.raises(VaultError, match="there is no vault in the keyspace"):
            Memory(fleet.path, actor=ACTOR)
        with pytest.raises(LogLost, match="those of another vault"):
            create_vault(fleet.path, actor=ACTOR)
        with closing(CassandraSession(fleet.settings.cassandra)) as store:
            assert not schema.exists(store)
    finally:
        reset(fleet, f'keyspace = "{keyspace}x"', f'keyspace = "{keyspace}"')
    assert written(fleet) == before


def test_another_root_key_writes_and_signs_nothing(fleet: Fleet) -> None:
    root, before = fleet.settings.root_key, written(fleet)
    kept = root.rename(root.with_suffix(".kept"))
    create_root_file(root)
    refused_by_all(fleet, WrongRootKey, "is not the root key of the vault")
    assert written(fleet) == before
    kept.replace(root)
    with Memory(fleet.path, actor=ACTOR) as memory:
        assert len(memory.search("kiln", scope="acme")) > 0


def test_another_root_key_is_refused_before_the_first_memory(
    engines: LocalServers, tmp_path: Path
) -> None:
    made = Fleet(tmp_path, engines)
    try:
        made.make(ACTOR)
        root = made.settings.root_key
        root.unlink()
        create_root_file(root)
        with pytest.raises(WrongRootKey):
            Memory(made.path, actor=ACTOR)
    finally:
        made.remove()


def test_a_log_that_ends_before_what_was_folded_is_refused_with_the_figures(fleet: Fleet) -> None:
    with closing(Stores(fleet.settings)) as opened:
        keyspace, store = opened.live().writer.keyspace, opened.cassandra
        (end,) = (opened.logs.events.end()[0],)
        store.execute(
            f"UPDATE {keyspace}.checkpoint USING TIMESTAMP 99 SET offset = ?"
            " WHERE projection = ? AND partition = ?",
            (end + 40, "fold", 0),
        )
    refused_by_all(
        fleet, LogLost, rf"partition 0 ends at {end}, and {end + 40} were folded.*accept-loss"
    )
    rebuilt = rebuild_vault(fleet.path, actor=ACTOR, accept_loss=True)
    assert rebuilt.events >= len(TEXTS)
    with Memory(fleet.path, actor=ACTOR) as memory:
        assert memory.digest() == rebuilt.digest


def test_projections_that_are_lost_are_rebuilt(fleet: Fleet, shell: Shell) -> None:
    with closing(Stores(fleet.settings)) as opened:
        keyspace = opened.live().writer.keyspace
        with Memory(fleet.path, actor=ACTOR) as memory:
            digest = memory.digest()
        opened.cassandra.define(f"DROP KEYSPACE {keyspace}")
    with pytest.raises(ProjectionsLost, match=f"{keyspace} is missing.*memos rebuild"):
        Memory(fleet.path, actor=ACTOR)
    found = "\n".join(f"{finding.what}: {finding.mend}" for finding in doctor(fleet.path))
    assert "memos rebuild" in found
    ran = shell.run("rebuild", "--json")
    assert digest in ran.out
    with closing(CassandraSession(fleet.settings.cassandra)) as store:
        assert [each.state for each in states(store)] == ["live"]  # what is lost is no former one
        base, former = (
            store.settings.keyspace,
            keyspace.removeprefix(f"{store.settings.keyspace}_g"),
        )
        store.execute(f"INSERT INTO {base}.generation (number, version) VALUES ({former}, 6)")
    assert f"{keyspace} is missing" not in "\n".join(finding.what for finding in doctor(fleet.path))
    with Memory(fleet.path, actor=ACTOR) as memory:
        assert memory.digest() == digest
        assert memory.audit().problems == ()


def test_vaults_that_share_a_milvus_and_a_prefix_have_collections_of_their_own(
    engines: LocalServers, tmp_path: Path
) -> None:
    vaults = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        vaults.append(Fleet(tmp_path / name, engines, embedder='[embedder]\nname = "minilm"\n'))
    try:
        prefixes = set()
        for made in vaults:
            milvus = made.settings.milvus
            assert milvus is not None
            reset(made, f'prefix = "{milvus.prefix}"\ntimeout', 'prefix = "shared"\ntimeout')
            made.make(ACTOR)
            prefixes.add(made.milvus.prefix)
        assert len(prefixes) == len(vaults)
        assert all(prefix.startswith("shared_") for prefix in prefixes)
    finally:
        for made in vaults:
            made.remove()
