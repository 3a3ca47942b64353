"""The page about HTTP: each of its curl lines, in order, against a server."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from memos import Memory
from tests.interface.http.served import SECONDS, Served

PAGE = Path(__file__).resolve().parents[2] / "docs" / "http.md"
ASKS = re.compile(r"^\$ ((?:curl|printf|JSON=|ID=|TAG=|AUDITOR=|EVENT=).*)$", re.MULTILINE)


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
