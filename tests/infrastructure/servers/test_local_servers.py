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

from memos.infrastructure.servers import EngineError, LocalServers
from memos.infrastructure.servers.state import STATE_FILE
from tests.engines import up_or_skip
from tests.infrastructure.servers.support import cassandra, consume, make_topic, produce

pytestmark = [pytest.mark.engines, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServers]:
    """Servers of this module's own, because it kills them."""
    engine = LocalServers(tmp_path_factory.mktemp("engine"), heap_mb=256)
    try:
        up_or_skip(engine)
        make_topic(engine)
        with cassandra(engine) as session:
            session.execute(
                "CREATE KEYSPACE words WITH replication = "
                "{'class': 'SimpleStrategy', 'replication_factor': 1}"
            )
            session.execute("CREATE TABLE words.words (word text PRIMARY KEY)")
        yield engine
    finally:
        engine.down()


def pids(engine: LocalServers) -> dict[str, int | None]:
    return {each.server: each.pid for each in engine.status()}


def words(engine: LocalServers) -> set[str]:
    with cassandra(engine) as session:
        return {row.word for row in session.execute("SELECT word FROM words.words")}


def remember(engine: LocalServers, word: str) -> None:
    with cassandra(engine) as session:
        session.execute("INSERT INTO words.words (word) VALUES (%s)", [word])


def test_status_tells_where_each_server_is_and_what_it_takes(own: LocalServers) -> None:
    found = own.status()
    assert [each.server for each in found] == ["kafka", "cassandra", "milvus"]
    for each in found:
        assert each.running
        assert each.pid is not None
        assert psutil.pid_exists(each.pid)
        assert each.resident_mb is not None
        assert 20 < each.resident_mb < 4000
        assert each.address == own.address(each.server)
        assert str(next(iter(each.ports.values()))) in each.address
        assert each.log.is_file()


def test_up_again_leaves_what_runs(own: LocalServers) -> None:
    before = pids(own)
    told: list[str] = []
    own.up(told.append)
    assert pids(own) == before
    assert told == [f"{name}: serves at {own.address(name)}" for name in own.servers]


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
    assert not any(each.running for each in own.status())
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
    found = next(each for each in own.status() if each.server == "cassandra")
    assert found.running
    assert found.pid is not None
    assert psutil.Process(found.pid).status() == psutil.STATUS_STOPPED
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
        told = json.loads(path.read_text())
        told["servers"]["milvus"]["process"] |= {
            "pid": stranger.pid,
            "at": psutil.Process(stranger.pid).create_time(),
        }
        path.write_text(json.dumps(told))
        others = LocalServers(own.directory, ["kafka"])

        others.down()
        assert [each.running for each in own.status()] == [False, True, False]
        own.down()

        assert not any(each.running for each in own.status())
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
