"""The page about HTTP: each of its curl lines, in order, against a server."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from memos import Memory
from tests.interface.http.served import SECONDS, Served

PAGE = Path(__file__).resolve().parents[2] / "docs" / "http.md"
ASKS = re.compile(r"^\$ ((?:curl|printf|JSON=|ID=|TAG=|AUDITOR=|EVENT=).*)$", re.MULTILINE)


FIRST = re.compile(r"^\$ ((?:export MEMOS|memos|KEY=).*)$", re.MULTILINE)


def test_the_first_lines_of_the_page_run_in_an_empty_directory(tmp_path: Path) -> None:
    """All of the first block but the installation; the server takes a free port, and is ended."""
    lines = FIRST.findall(PAGE.read_text("utf-8").partition("and in another terminal")[0])
    assert (len(lines), lines[-1]) == (4, "memos serve")
    script = "\n".join(["set -eu", f'memos() {{ "{sys.executable}" -m memos "$@"; }}', *lines[:-1]])
    script += f'\ncase $KEY in memos_*) ;; *) exit 9;; esac\nexec "{sys.executable}" -m memos serve'
    environment = {key: value for key, value in os.environ.items() if not key.startswith("MEMOS_")}
    serving = subprocess.Popen(
        ["/bin/bash", "-c", script],
        cwd=tmp_path,
        env={**environment, "MEMOS_HTTP_PORT": "0"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert serving.stdout is not None
        told = iter(serving.stdout.readline, "")
        assert any(line.startswith("http://127.0.0.1:") for line in told), "it does not serve"
    finally:
        serving.terminate()
        serving.communicate(timeout=SECONDS)


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl here")
def test_the_curl_lines_of_the_page_are_answered(tmp_path: Path) -> None:
    lines = ASKS.findall(PAGE.read_text("utf-8"))
    assert len(lines) > 10
    script = "\n".join(["set -eu", *(line.replace("curl ", "curl -sSf ") for line in lines)])
    with Memory(tmp_path / "v", actor="user:you") as memory, Served(memory) as server:
        key = memory.create_api_key("agent:alice", tenant="acme").key
        auditors = memory.create_api_key("agent:auditor", tenant=None, actions=["read"]).key
        keys = {"KEY": key, "AUDITORS": auditors}
        ran = subprocess.run(
            ["/bin/bash", "-c", script],
            env={"URL": server.address, **keys, "PATH": "/usr/bin:/bin:/usr/local/bin"},
            capture_output=True,
            text=True,
            timeout=SECONDS * 2,
            check=False,
        )
        assert ran.returncode == 0, ran.stderr + ran.stdout
        assert memory.count(scope="acme/alice") == 3
