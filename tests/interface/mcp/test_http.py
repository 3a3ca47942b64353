from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import uvicorn
from mcp import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

from memos import Memory
from memos.interface.http import protocol
from memos.interface.http.protocol import BoundedProtocol
from memos.interface.http.settings import HttpSettings
from memos.interface.mcp.http import PATH, SETTINGS, http_app
from tests.interface.cli.support import Shell
from tests.interface.mcp.support import VERSIONS, Host, answer, command_line, refusal
from tests.waiting import wait_within

END_SECONDS = 60.0
REFUSED_SECONDS = 1.0
SOON = 0.5
"""Seconds, in the place of a bound."""
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
JSON = {"accept": "application/json, text/event-stream", "content-type": "application/json"}


@pytest.fixture
def url(memory: Memory) -> Iterator[str]:
    with served(memory) as address:
        yield address


@contextmanager
def served(memory: Memory, settings: HttpSettings = SETTINGS) -> Iterator[str]:
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(
        uvicorn.Config(
            http_app(memory, scope="acme", settings=settings),
            http=BoundedProtocol,
            log_level="error",
            access_log=False,
        )
    )
    serving = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    serving.start()
    try:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}{PATH}"
    finally:
        server.should_exit = True
        serving.join(END_SECONDS)
        listening.close()


def key_of(memory: Memory, actor: str = "agent:bob", **narrowed: Any) -> str:
    return memory.create_api_key(actor, tenant="acme", **narrowed).key


def hosted(url: str, key: str, version: str, host: Host) -> None:
    anyio.run(partial(_over_http, url, key, version, host))


async def _over_http(url: str, key: str, version: str, host: Host) -> None:
    async with create_mcp_http_client(headers={"Authorization": f"Bearer {key}"}) as http:
        transport = streamable_http_client(url, http_client=http)
        async with Client(transport, mode=version) as client:
            await host(client)


def posted(url: str, key: str | None = None, **headers: str) -> httpx.Response:
    given = {**JSON, **headers} if key is None else {**JSON, "authorization": f"Bearer {key}"}
    return httpx.post(url, json=LIST, headers={**given, **headers}, timeout=END_SECONDS)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_host_works_as_the_actor_of_its_key(url: str, memory: Memory, version: str) -> None:
    async def host(client: Client) -> None:
        assert len((await client.list_tools()).tools) == 11
        added = await answer(client, "add_memory", text="She likes pottery")
        (found,) = (await answer(client, "search_memories", query="pottery"))["memories"]
        assert found["id"] == added["id"]
        assert (await refusal(client, "add_memory", text="a", scope="other")).startswith("Denied")

    hosted(url, key_of(memory), version, host)
    (cube,) = memory.list()
    assert cube.owner == "agent:bob"


def test_a_key_for_reading_does_not_write(url: str, memory: Memory) -> None:
    memory.add("She likes pottery", scope="acme")

    async def host(client: Client) -> None:
        (found,) = (await answer(client, "search_memories", query="pottery"))["memories"]
        for tool, more in (
            ("add_memory", {}),
            ("update_memory", {"id": found["id"]}),
        ):
            assert (await refusal(client, tool, text="x", **more)).startswith("Denied")
        assert (await refusal(client, "delete_memory", id=found["id"])).startswith("Denied")

    hosted(url, key_of(memory, actions=("read",)), "2026-07-28", host)
    assert [cube.text for cube in memory.list()] == ["She likes pottery"]


def test_nobody_comes_in_without_a_key(url: str, memory: Memory) -> None:
    key = key_of(memory)
    for wrong in (
        {}, {"authorization": "Bearer"}, {"authorization": key},
        {"authorization": f"Basic {key}"}, {"authorization": f"Bearer {key}x"},
        {"authorization": "Bearer memos_none"}, {"x-api-key": key}, {"cookie": f"key={key}"},
    ):  # fmt: skip
        response = posted(url, **wrong)
        assert response.status_code == 401, wrong
        assert response.headers["www-authenticate"] == "Bearer"
        assert response.json()["type"] == "urn:memos:problem:unauthenticated"
    twice = httpx.post(
        url, json=LIST, headers=[*JSON.items(), *[("authorization", f"Bearer {key}")] * 2]
    )
    assert twice.status_code == 400
    assert posted(f"{url}?key={key}", key).status_code == 400
    assert posted(url, key).status_code == 200


def test_a_revoked_key_is_refused_within_a_second(url: str, memory: Memory) -> None:
    made = memory.create_api_key("agent:bob", tenant="acme")
    assert posted(url, made.key).status_code == 200
    memory.revoke_api_key(made.api_key.key_id, tenant="acme")
    revoked = time.monotonic()
    wait_within(REFUSED_SECONDS, revoked, lambda: posted(url, made.key).status_code == 401)
    assert posted(url, made.key).status_code == 401


def test_a_key_that_is_revoked_while_its_body_comes_writes_nothing(
    url: str, memory: Memory
) -> None:
    made = memory.create_api_key("agent:bob", tenant="acme")
    called = {"name": "add_memory", "arguments": {"text": "too late"}}
    body = json.dumps({**LIST, "method": "tools/call", "params": called}).encode()
    with connected(url) as peer:
        peer.sendall(head(made.key, len(body)) + body[:1])
        assert posted(url, made.key).status_code == 200  # and by then the other's headers are read
        memory.revoke_api_key(made.api_key.key_id, tenant="acme")
        while posted(url, made.key).status_code != 401:
            pass
        peer.sendall(body[1:])
        assert peer.recv(65_536).startswith(b"HTTP/1.1 401 ")
    assert memory.count(scope="acme") == 0


def test_headers_and_bodies_that_never_end_are_broken_off(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "HEADER_SECONDS", SOON)
    with (
        served(memory, replace(SETTINGS, body_seconds=SOON)) as url,
        connected(url) as silent,
        connected(url) as slow_head,
        connected(url) as slow_body,
    ):
        slow_head.sendall(head(key_of(memory), 10)[:-4])
        slow_body.sendall(head(key_of(memory), 10) + b"{")
        assert silent.recv(65_536) == b""
        assert slow_head.recv(65_536).startswith(b"HTTP/1.1 408 ")
        assert slow_body.recv(65_536).startswith(b"HTTP/1.1 408 ")


def connected(url: str) -> socket.socket:
    address = httpx.URL(url)
    return socket.create_connection((address.host, address.port), timeout=END_SECONDS)


def head(key: str, length: int) -> bytes:
    lines = {"host": "127.0.0.1:80", **JSON, "authorization": f"Bearer {key}"}
    told = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"POST {PATH} HTTP/1.1\r\n{told}content-length: {length}\r\n\r\n".encode()


def test_a_page_of_another_site_does_not_reach_it(url: str, memory: Memory) -> None:
    key = key_of(memory)
    assert posted(url, key, host="evil.example:80").status_code == 421
    assert posted(url, key, host="127.0.0.1.evil.example:80").status_code == 421
    assert posted(url, key, origin="http://evil.example").status_code == 403
    assert "access-control-allow-origin" not in posted(url, key).headers
    assert httpx.options(url, headers={"origin": "http://evil.example"}).status_code == 403


def test_no_stream_is_open_and_no_session_kept(url: str, memory: Memory) -> None:
    key = {"authorization": f"Bearer {key_of(memory)}"}
    assert httpx.get(url, headers={**key, "accept": "text/event-stream"}).status_code == 405
    assert httpx.delete(url, headers={**key, "mcp-session-id": "1"}).status_code == 405
    response = posted(url, **key)
    assert "mcp-session-id" not in response.headers
    assert response.headers["content-type"] == "application/json"


def test_broken_and_huge_bodies_are_refused(url: str, memory: Memory) -> None:
    headers = {**JSON, "authorization": f"Bearer {key_of(memory)}"}
    for body, status in ((b"{", 400), (b"[" * 100_000, 400), (b"\xff", 400), (b"x" * 2**23, 413)):
        assert httpx.post(url, content=body, headers=headers).status_code == status
    assert posted(url, **headers).status_code == 200


def test_requests_that_never_end_hold_nobody_up(url: str, memory: Memory) -> None:
    address = httpx.URL(url)
    with ExitStack() as half_open:
        for _ in range(200):
            peer = half_open.enter_context(socket.create_connection((address.host, address.port)))
            peer.sendall(b"POST /mcp HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Le")
        assert posted(url, key_of(memory)).status_code == 200


def test_the_command_serves_until_it_is_told_to_end_and_tells_no_key(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        key = key_of(memory)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}{PATH}"
    line = command_line(vault, "--http", "--port", str(port), "--scope", "acme")
    with subprocess.Popen(line, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        ends = time.monotonic() + END_SECONDS
        while True:
            try:
                answered = posted(url, key)
                break
            except httpx.ConnectError:
                assert time.monotonic() < ends
                time.sleep(0.05)
        assert len(answered.json()["result"]["tools"]) == 11
        assert posted(f"{url}?key={key}").status_code == 400
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=END_SECONDS)
    assert out == b""
    assert key.encode() not in err


def test_it_listens_on_this_machine_only(vault: Path) -> None:
    Memory(vault, actor="agent:alice").close()
    ran = Shell(vault).run("mcp", "--http", "--address", "0.0.0.0")  # noqa: S104 - refused
    assert ran.code == 2
    assert "listens on this machine only" in ran.err
    assert Shell(vault).run("mcp", "--http", "--hooks", "x").code == 2
