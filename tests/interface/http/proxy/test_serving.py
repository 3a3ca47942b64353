"""`memos serve --upstream`, as a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from memos import Memory
from tests.interface.http.proxy.upstream import Upstream, listening
from tests.interface.http.test_serve import client_of, key_of, refused, serving

KEY = "sk-of-the-environment"


def test_the_server_behind_is_asked_with_the_key_of_the_environment_which_no_line_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vault = tmp_path / "team.vault"
    Memory(vault, actor="user:root").close()
    monkeypatch.setenv("MEMOS_UPSTREAM_KEY", KEY)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with listening() as upstream:
        options = ("--upstream", upstream.url, "--log-level", "debug")
        with serving(vault, *options) as server, client_of(server, key_of(vault)) as client:
            check(upstream, client.get("/openai/v1/models").status_code)
            client.close()
            assert KEY not in server.end()


def check(upstream: Upstream, status: int) -> None:
    assert status == 200
    (head,) = upstream.heads
    assert head["authorization"] == f"Bearer {KEY}"


def test_an_address_that_is_none_is_refused_and_its_secret_not_told(tmp_path: Path) -> None:
    vault = tmp_path / "team.vault"
    Memory(vault, actor="user:root").close()
    told = refused(vault, "--no-auth", "--upstream", "http://user:secret@host/v1")
    assert "--upstream" in told
    assert "secret" not in told
