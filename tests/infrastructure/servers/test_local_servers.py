"""The three servers, started, asked, killed, paused and stopped."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator

import psutil
import pytest
from confluent_kafka import KafkaError, Producer
from pymilvus import MilvusClient

from memos.infrastructure.servers import EngineError, LocalServers, leased
from memos.infrastructure.servers.state import STATE_FILE
from tests.engines import up_or_skip
from tests.infrastructure.servers.support import (
    cassandra,
    consume,
    make_topic,
    produce,
)
from tests.waiting import wait_until

pytestmark = [pytest.mark.engines, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServers]:
    """Servers of this module's own, because it kills them."""
    with leased(LocalServers(tmp_path_factory.mktemp("engine"), heap_mb=256)) as servers:
        up_or_skip(servers)
        make_topic(servers)
        with cassandra(servers) as session:
            session.execute(
                "CREATE KEYSPACE words WITH replication = "
                "{'class': 'SimpleStrategy', 'replication_factor': 1}"
            )
            session.execute("CREATE TABLE words.words (word text PRIMARY KEY)")
        yield servers


def pids(servers: LocalServers) -> dict[str, int | None]:
    return {server.server: server.pid for server in servers.status()}


def words(servers: LocalServers) -> set[str]:
    with cassandra(servers) as session:
        return {row.word for row in session.execute("SELECT word FROM words.words")}


def remember(servers: LocalServers, word: str) -> None:
    with cassandra(servers) as session:
        session.execute("INSERT INTO words.words (word) VALUES (%s)", [word])


def test_status_tells_where_each_server_is_and_what_it_takes(own: LocalServers) -> None:
    statuses = own.status()
    assert [server.server for server in statuses] == ["kafka", "cassandra", "milvus"]
    for server in statuses:
        assert server.running
        assert server.pid is not None
        assert psutil.pid_exists(server.pid)
        assert server.resident_mb is not None
        assert 20 < server.resident_mb < 4000
        assert server.address == own.address(server.server)
        assert str(next(iter(server.ports.values()))) in server.address
        assert server.log.is_file()


def test_up_again_leaves_what_runs(own: LocalServers) -> None:
    before = pids(own)
    messages: list[str] = []
    own.up(messages.append)
    assert pids(own) == before
    assert messages == [f"{name}: serves at {own.address(name)}" for name in own.servers]


def test_a_topic_is_not_made_by_naming_it(own: LocalServers) -> None:
    producer = Producer(
        {"bootstrap.servers": own.address("kafka"), "allow.auto.create.topics": True}
    )
    error = producer.list_topics("never-made", timeout=10).topics["never-made"].error
    assert error is not None
    assert error.code() == KafkaError.UNKNOWN_TOPIC_OR_PART


def test_killed_servers_come_back_at_their_addresses_with_all_they_acknowledged(
    own: LocalServers,
) -> None:
    produce(own, "clay")
    remember(own, "clay")
    addresses = own.addresses
    before = pids(own)
    for name in own.servers:
        own.kill(name)
    assert not any(server.running for server in own.status())
    with pytest.raises(EngineError, match="does not run"):
        own.pause("cassandra")

    own.up()

    assert own.addresses == addresses
    assert not set(pids(own).values()) & set(before.values())
    assert "clay" in consume(own, 1)
    assert "clay" in words(own)
    MilvusClient(uri=own.address("milvus")).close()


def test_a_paused_server_answers_again_once_resumed(own: LocalServers) -> None:
    own.pause("cassandra")
    server = next(server for server in own.status() if server.server == "cassandra")
    assert server.running
    assert server.pid is not None
    process = psutil.Process(server.pid)
    wait_until(lambda: process.status() == psutil.STATUS_STOPPED)  # where it next is scheduled
    own.resume("cassandra")
    remember(own, "kiln")
    assert "kiln" in words(own)


def test_other_settings_wait_for_a_stop(own: LocalServers) -> None:
    with pytest.raises(EngineError, match=r"runs with heap_mb=256.*memos engine down"):
        LocalServers(own.directory, heap_mb=512).up()
    with pytest.raises(EngineError, match=r"of the kind lite.*name another directory"):
        LocalServers(own.directory, ["milvus"], milvus="server").up()


def test_down_stops_exactly_its_own_and_keeps_the_data(own: LocalServers) -> None:
    remember(own, "glaze")
    stranger = subprocess.Popen(["/bin/sleep", "600"])
    try:
        # As after a restart of the machine: the pid of a server is now somebody else's.
        own.kill("milvus")
        path = own.directory / STATE_FILE
        state = json.loads(path.read_text())
        state["servers"]["milvus"]["process"] |= {
            "pid": stranger.pid,
            "at": psutil.Process(stranger.pid).create_time(),
        }
        path.write_text(json.dumps(state))
        others = LocalServers(own.directory, ["kafka"])

        others.down()
        assert [server.running for server in own.status()] == [False, True, False]
        own.down()

        assert not any(server.running for server in own.status())
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()
    own.up()
    assert "glaze" in words(own)


def test_a_server_that_cannot_start_is_told_of_with_the_end_of_its_log(own: LocalServers) -> None:
    own.kill("kafka")
    meta = own.directory / "kafka" / "data" / "meta.properties"
    kept = meta.read_bytes()
    meta.write_text("version=1\nnode.id=77\ncluster.id=other\n")
    try:
        started = time.monotonic()
        with pytest.raises(EngineError, match=r"(?s)kafka ended while it started.*node.id"):
            own.start("kafka")
        assert time.monotonic() - started < 60
    finally:
        meta.write_bytes(kept)
    own.start("kafka")
