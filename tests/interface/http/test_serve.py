"""`memos serve`, as a process: where it listens, how it ends, and what is there when it is killed."""

from __future__ import annotations

import json
import os
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from memos import Memory
from memos.interface.cli import worker_process
from tests.certificates import Authority
from tests.interface.cli.support import Shell
from tests.interface.http.served import ALL_ACTIONS, NO_TLS, SECONDS, cube_of

LINES = 400
EVERYWHERE = "0.0.0.0"  # noqa: S104 - the server listens so for a test


@dataclass
class Serving:
    """A process that serves a vault."""

    process: subprocess.Popen[str]
    address: str
    others: list[str]

    def end(self, number: int = signal.SIGTERM) -> str:
        """Send a signal, and wait; what was logged."""
        self.process.send_signal(number)
        _, logged = self.process.communicate(timeout=SECONDS * 2)
        return logged


@contextmanager
def serving(vault: Path, *options: str, lines: int = 1) -> Iterator[Serving]:
    """Serve, on a free port, until the block ends."""
    line = [sys.executable, "-m", "memos", "serve", "--vault", str(vault), "--port", "0", *options]
    environment = {**os.environ, "MEMOS_ACTOR": "user:root"}
    process = subprocess.Popen(
        line, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    )
    try:
        assert process.stdout is not None
        told = [process.stdout.readline().strip() for _ in range(lines)]
        assert told[0], process.communicate(timeout=SECONDS)[1]
        yield Serving(process, told[0], told[1:])
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def refused(vault: Path, *options: str) -> str:
    """Why it does not serve so."""
    ran = Shell(vault).run("serve", "--actor", "user:root", "--port", "0", *options)
    assert (ran.code, ran.out) == (2, "")
    return ran.err


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    path = tmp_path / "team.vault"
    Memory(path, actor="user:root").close()
    return path


def key_of(vault: Path, actor: str = "user:root") -> str:
    with Memory(vault, actor="user:root") as memory:
        return memory.create_api_key(actor, tenant="acme", actions=ALL_ACTIONS).key


def client_of(serving: Serving, key: str, verify: Any = NO_TLS) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(
        base_url=serving.address, headers=headers, timeout=SECONDS, verify=verify, trust_env=False
    )


def test_nobody_listens_for_others_without_keys_and_tls_or_a_word_of_it(
    vault: Path, tmp_path: Path
) -> None:
    assert "--behind-proxy" in refused(vault, "--host", EVERYWHERE)
    assert "--no-auth" in refused(vault, "--host", EVERYWHERE, "--behind-proxy", "--no-auth")
    assert "--no-auth" in refused(vault, "--behind-proxy", "--no-auth")
    assert "memos api-key create" in refused(vault, "--behind-proxy")
    issued = Authority(tmp_path).issue("server")
    tls = ("--tls-cert", str(issued.certificate), "--tls-key", str(issued.key))
    assert "memos api-key create" in refused(vault, "--host", EVERYWHERE, *tls)
    assert "go together" in refused(vault, *tls[:2])
    assert "no file" in refused(vault, "--tls-cert", "none.pem", "--tls-key", "none.pem")


def test_others_reach_it_over_tls_by_any_name_and_see_no_metrics(
    vault: Path, tmp_path: Path
) -> None:
    key = key_of(vault)
    authority = Authority(tmp_path)
    issued = authority.issue("server")
    tls = ("--tls-cert", str(issued.certificate), "--tls-key", str(issued.key))
    with serving(vault, "--host", EVERYWHERE, *tls, "--metrics-port", "0", lines=2) as server:
        port = server.address.rpartition(":")[2]
        assert server.address == f"https://{EVERYWHERE}:{port}"
        server.address = f"https://127.0.0.1:{port}"
        trusted = ssl.create_default_context(cafile=str(authority.path))
        with client_of(server, key, trusted) as client:
            named = {"Host": "memories.example"}
            assert client.get("/v1/memories", headers=named).status_code == 200
            assert client.get("/metrics").status_code == 404
        metrics = server.others[0].removeprefix("metrics: ")
        told = httpx.get(metrics, timeout=SECONDS, trust_env=False).text
        assert "memos_http_requests_total" in told


def test_what_was_acknowledged_is_there_after_an_orderly_end(vault: Path) -> None:
    key = key_of(vault)
    kept: list[str] = []

    def add_until_it_ends(client: httpx.Client) -> None:
        try:
            while True:
                answer = client.post("/v1/memories", json={"text": "x", "scope": "acme"})
                if answer.status_code == 201:
                    kept.append(answer.json()["cube_id"])
        except httpx.TransportError:
            return

    with (
        serving(vault) as server,
        client_of(server, key) as first,
        client_of(server, key) as second,
    ):
        writers = [threading.Thread(target=add_until_it_ends, args=(c,)) for c in (first, second)]
        for writer in writers:
            writer.start()
        with client_of(server, key) as other:
            while len(other.get("/v1/memories").json()["memories"]) < 20:
                pass
        logged = server.end()
        for writer in writers:
            writer.join(SECONDS)
        assert server.process.returncode == 0
    lines = [json.loads(line) for line in logged.splitlines()]
    assert {"info"} == {line["level"] for line in lines}
    with Memory(vault, actor="user:root") as memory:
        assert len(kept) >= 20
        for cube_id in kept:
            assert memory.get(cube_id)


def test_each_line_that_was_answered_is_there_when_the_server_is_killed(vault: Path) -> None:
    key = key_of(vault)
    body = b"".join(
        json.dumps({"text": f"Line {n}.", "scope": "acme"}).encode() + b"\n" for n in range(LINES)
    )
    headers = {"Content-Type": "application/x-ndjson", "Idempotency-Key": "bulk"}
    answered: list[dict[str, Any]] = []
    with serving(vault) as server, client_of(server, key) as client:

        def read_until_it_is_killed() -> None:
            with client.stream(
                "POST", "/v1/memories/bulk", content=body, headers=headers
            ) as answer:
                for line in answer.iter_lines():
                    answered.append(json.loads(line))
                    if len(answered) == 10:
                        server.process.kill()

        with pytest.raises(httpx.TransportError):
            read_until_it_is_killed()
        assert "done" not in answered[-1]
    with Memory(vault, actor="user:root") as memory:
        for line in answered:
            assert cube_of(memory, line["receipt"]["cube_id"]).text == f"Line {line['line'] - 1}."
    with serving(vault) as server, client_of(server, key) as client:
        again = client.post("/v1/memories/bulk", content=body, headers=headers)
        *told, end = map(json.loads, again.text.splitlines())
        assert end["done"] == LINES
        assert told[: len(answered)] == answered
    with Memory(vault, actor="user:root") as memory:
        assert memory.count(scope="acme") == LINES


def test_a_port_that_is_taken_is_told(vault: Path) -> None:
    with serving(vault, "--no-auth") as server:
        port = server.address.rpartition(":")[2]
        assert "nobody can listen at" in refused(vault, "--no-auth", "--port", port)


def test_what_has_to_be_installed_is_told(vault: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_process, "find_spec", lambda _: None)
    assert "pip install 'memos-ledger[http]'" in refused(vault, "--no-auth")


def test_a_vault_that_is_not_there_is_not_made(tmp_path: Path) -> None:
    missing = tmp_path / "missing.vault"
    ran = Shell(missing).run("serve", "--no-auth")
    assert ran.code == 1
    assert "there is no vault" in ran.err
    assert not missing.exists()


def test_ports_and_files_of_tls_that_are_none_are_told_in_words(
    vault: Path, tmp_path: Path
) -> None:
    for port in ("70000", "-1"):
        assert "--port takes a number" in refused(vault, "--no-auth", "--port", port)
    wrong = refused(vault, "--no-auth", "--metrics-port", "70000")
    assert "--metrics-port takes a number" in wrong
    issued = Authority(tmp_path).issue("server")
    none = tmp_path / "none.pem"
    none.write_text("no PEM", "utf-8")
    for certificate, key in (
        (none, none),
        (issued.certificate, none),
        (issued.certificate, Authority(tmp_path, "other").issue("other").key),
    ):
        told = refused(vault, "--tls-cert", str(certificate), "--tls-key", str(key))
        assert "no certificate and its private key" in told
