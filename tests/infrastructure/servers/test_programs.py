"""What the machine has to offer, and fetching the rest. No server is started."""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from memos.infrastructure.servers import EngineError, LocalServers, MissingTool, cache, ports, state
from memos.kernel.errors import InvalidInput

JARS = ("org.example:example:1.0",)


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only directory of PATH beside the system's own, and an empty cache."""
    directory = tmp_path / "programs"
    directory.mkdir()
    monkeypatch.setenv("PATH", str(directory))
    monkeypatch.delenv("JAVA_HOME", raising=False)
    monkeypatch.setenv(cache.CACHE_VARIABLE, str(tmp_path / "cache"))
    return directory


def install(directory: Path, name: str, script: str) -> None:
    program = directory / name
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)


MAVEN_THAT_WORKS = """\
for argument; do case "$argument" in
  -DoutputDirectory=*) : > "${argument#*=}/example-1.0.jar" ;;
esac; done"""


def test_a_missing_jdk_is_told_of_with_what_to_install(programs: Path, tmp_path: Path) -> None:
    with pytest.raises(
        MissingTool,
        match=r"Kafka runs on a JDK 17 to 25, and there is no `java` on PATH.*openjdk-17-jdk-headless.*memos.toml",
    ):
        LocalServers(tmp_path / "engine", ["kafka"]).up()


def test_a_jdk_that_the_server_does_not_run_on_is_told_of(programs: Path, tmp_path: Path) -> None:
    install(programs, "java", "echo 'openjdk version \"21.0.2\" 2024-01-16' >&2")
    with pytest.raises(MissingTool, match=r"Cassandra runs on a JDK 11 or 17, .* is version 21"):
        LocalServers(tmp_path / "engine", ["cassandra"]).up()


def test_a_missing_maven_is_told_of_with_what_to_install(programs: Path) -> None:
    with pytest.raises(MissingTool, match=r"`mvn` is not on PATH: `apt-get install .* maven`"):
        cache.jars("example", JARS)


def test_a_download_that_fails_leaves_nothing_and_is_made_again(programs: Path) -> None:
    install(programs, "mvn", MAVEN_THAT_WORKS + "\necho 'the network is down' >&2; exit 1")
    with pytest.raises(EngineError, match=r"(?s)could not be fetched.*the network is down"):
        cache.jars("example", JARS)
    assert list(cache.directory().iterdir()) == []

    install(programs, "mvn", MAVEN_THAT_WORKS)
    jars = cache.jars("example", JARS)
    assert [file.name for file in jars.iterdir()] == ["example-1.0.jar"]

    install(programs, "mvn", "exit 1")
    assert cache.jars("example", JARS) == jars


def test_chosen_ports_are_free_distinct_and_below_those_of_outgoing_connections() -> None:
    chosen = ports.choose(("a", "b", "c"))
    assert len(set(chosen.values())) == 3
    for port in chosen.values():
        assert ports.LOWEST <= port <= ports.HIGHEST
        assert ports.is_free(port)
        assert not ports.accepts(port)


CHOOSES = """
from memos.infrastructure.servers import ports
print(ports.choose(("a",))["a"], flush=True)
input()
"""


def test_a_port_that_a_program_chose_is_reserved_until_that_program_ends() -> None:
    other = subprocess.Popen(
        [sys.executable, "-c", CHOOSES],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert other.stdout is not None
    port = int(other.stdout.readline())
    assert not ports.reserve(port)
    other.communicate("\n")
    assert ports.reserve(port)
    assert ports.reserve(port)


def test_a_port_that_is_reserved_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "reserve", lambda port: port % 2 == 1)
    chosen = ports.choose(tuple("abcdefghij"))
    assert [port for port in chosen.values() if port % 2 == 0] == []


def test_a_port_is_chosen_once_by_a_program(monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = ports.choose(("client",)).values()
    drawn = iter([first - ports.LOWEST] * 3)
    draw = secrets.randbelow
    monkeypatch.setattr(secrets, "randbelow", lambda below: next(drawn, None) or draw(below))
    (second,) = ports.choose(("client",)).values()
    assert second != first


def test_a_port_that_is_listened_on_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        assert not ports.is_free(port)
        assert ports.accepts(port)


def test_an_unknown_server_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="no server redis: name some of kafka"):
        LocalServers(tmp_path, ["redis"])  # type: ignore[list-item] # that is what is tested


def test_a_directory_without_servers_has_no_status_and_nothing_to_stop(tmp_path: Path) -> None:
    servers = LocalServers(tmp_path / "nothing")
    servers.down()
    assert servers.status() == ()
    assert servers.addresses.kafka is None
    with pytest.raises(EngineError, match="has no kafka: `memos engine up"):
        servers.kill("kafka")
    assert not (tmp_path / "nothing").exists()


def test_a_state_file_that_cannot_be_read_is_told_of(tmp_path: Path) -> None:
    (tmp_path / state.STATE_FILE).write_text("{")
    with pytest.raises(EngineError, match="cannot be read"):
        LocalServers(tmp_path).status()
    (tmp_path / state.STATE_FILE).write_text('{"format": 2, "servers": {}}')
    with pytest.raises(EngineError, match="is not of format 1"):
        LocalServers(tmp_path).status()
