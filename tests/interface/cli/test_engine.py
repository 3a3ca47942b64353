"""`memos engine`: the servers of this machine from the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from memos.infrastructure.servers import LocalServers, leased
from tests.engines import up_or_skip
from tests.interface.cli.support import Shell


def test_a_directory_without_servers_says_how_to_have_them(shell: Shell, tmp_path: Path) -> None:
    nothing = str(tmp_path / "nothing")
    ran = shell.run("engine", "status", nothing)
    assert (ran.code, ran.err) == (0, "")
    assert "no servers in" in ran.out
    assert "`memos engine up`" in ran.out
    assert shell.run("engine", "down", nothing, "--json").result["servers"] == []
    error = shell.run("engine", "logs", "kafka", nothing, "--json").error
    assert error["type"] == "EngineError"
    assert "has no kafka" in error["message"]


def test_a_server_that_does_not_exist_is_refused(shell: Shell, tmp_path: Path) -> None:
    ran = shell.run("engine", "up", str(tmp_path / "new"), "--only", "redis")
    assert ran.code == 2
    assert "no server redis: name some of kafka, cassandra, milvus" in ran.err
    assert not (tmp_path / "new").exists()


@pytest.mark.engines
@pytest.mark.timeout(900)
def test_a_server_is_started_told_of_and_stopped(shell: Shell, tmp_path: Path) -> None:
    directory = tmp_path / "engine"
    with leased(LocalServers(directory, ["kafka"])) as engine:
        up_or_skip(engine)  # else a missing JDK would fail the commands below
        engine.down()
        up = shell.run("engine", "up", str(directory), "--only", "kafka", "--json").result
        (server,) = up["servers"]
        assert (server["server"], server["running"]) == ("kafka", True)
        assert server["address"] == engine.address("kafka")

        ran = shell.run("engine", "status", str(directory))
        assert ran.out.split()[:3] == ["kafka", "running", server["address"]]

        assert "QuorumController" in shell.run("engine", "logs", "kafka", str(directory)).out

        down = shell.run("engine", "down", str(directory), "--json").result
        assert [each["running"] for each in down["servers"]] == [False]
        assert "stopped" in shell.run("engine", "status", str(directory)).out
