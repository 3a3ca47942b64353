"""The command line of `python -m ray_jobs`: what cannot be started is told before Ray is."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from ray_jobs.__main__ import main


@pytest.mark.parametrize("replicas", ["0", "2:1", "0:3", "many", "1:", ":2", "1:2:3", ""])
def test_replicas_are_a_number_or_a_least_and_a_most(
    replicas: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["kv", "--replicas", replicas]) == 1
    assert "--replicas" in capsys.readouterr().err


def test_a_port_that_is_taken_is_told_with_the_way_to_join(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["kv", "--port", str(port)]) == 1
    assert f"--address 127.0.0.1:{port}" in capsys.readouterr().err


def test_there_is_at_least_one_distiller(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["distill", "--kept-in", str(tmp_path), "--distillers", "0"]) == 1
    assert "memos worker distill: --distillers 0" in capsys.readouterr().err


def test_a_cluster_that_is_not_there_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["kv", "--address", "127.0.0.1:1"]) == 1
    assert "there is no Ray cluster at 127.0.0.1:1" in capsys.readouterr().err
