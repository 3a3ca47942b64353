from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp_types import jsonrpc_message_adapter
from pydantic import ValidationError

from memos import Memory
from memos.interface.cli.errors import ExitCode
from memos.interface.mcp.stdio import MOST_UNANSWERED
from memos.interface.mcp.unread import error_of
from memos.interface.principal import API_KEY_VARIABLE
from tests.interface.mcp.support import VERSIONS, answer, command_line, refusal, started
from tests.waiting import wait_until

END_SECONDS = 60.0
"""Generous: the machine may be loaded."""
REFUSED_SECONDS = 1.0
LISTED = (
    b'{"jsonrpc": "2.0", "id": 9, "method": "tools/call", '
    b'"params": {"name": "list_memories", "arguments": {"scope": "acme"}}}'
)
LARGE = 200_000
"""Characters: more than a pipe holds."""


@contextmanager
def child(line: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        line, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    try:
        yield process
    finally:
        process.kill()
        for pipe in (process.stdin, process.stdout, process.stderr):
            assert pipe is not None
            with suppress(BrokenPipeError):
                pipe.close()
        process.wait()


def sent(process: subprocess.Popen[bytes], *lines: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(b"".join(line + b"\n" for line in lines))
    process.stdin.flush()


def received(process: subprocess.Popen[bytes]) -> Any:
    assert process.stdout is not None
    return json.loads(process.stdout.readline())


def request(number: int, method: str, **params: Any) -> bytes:
    message = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    return json.dumps(message).encode()


def shaken_hands(process: subprocess.Popen[bytes]) -> None:
    client = {"name": "test", "version": "1"}
    sent(
        process,
        request(0, "initialize", protocolVersion="2025-11-25", capabilities={}, clientInfo=client),
        b'{"jsonrpc": "2.0", "method": "notifications/initialized"}',
    )
    assert received(process)["result"]["protocolVersion"] == "2025-11-25"


@pytest.mark.parametrize("version", VERSIONS)
def test_a_host_starts_the_server_and_works_with_it(vault: Path, version: str) -> None:
    async def host(client: Client) -> None:
        added = await answer(client, "add_memory", text="She likes pottery")
        (found,) = (await answer(client, "search_memories", query="pottery"))["memories"]
        assert found["id"] == added["id"]

    started(command_line(vault, "--scope", "acme"), version, host)
    with Memory(vault, actor="agent:alice") as memory:  # what was acknowledged is there
        assert [cube.text for cube in memory.list()] == ["She likes pottery"]


def test_a_tenant_narrows_all_that_a_host_may_do(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        memory.add("elsewhere", scope="other")

    async def host(client: Client) -> None:
        assert (await answer(client, "list_memories"))["memories"] == []
        assert (await refusal(client, "add_memory", text="a", scope="other")).startswith("Denied")

    started(command_line(vault, "--tenant", "acme"), "2026-07-28", host)


def test_a_key_in_the_environment_is_the_principal_until_it_is_revoked(vault: Path) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        made = memory.create_api_key("agent:bob", tenant="acme", actions=("read",))
        memory.add("elsewhere", scope="other")
        memory.add("here", scope="acme")

        async def host(client: Client) -> None:
            (listed,) = (await answer(client, "list_memories"))["memories"]
            assert listed["text"] == "here"
            assert (await refusal(client, "add_memory", text="a")).startswith("Denied")
            memory.revoke_api_key(made.api_key.key_id, tenant="acme")
            revoked = asked = time.monotonic()
            while not (await client.call_tool("list_memories", {})).is_error:
                assert asked - revoked < REFUSED_SECONDS
                asked = time.monotonic()
            assert (await refusal(client, "list_memories")).startswith("Unauthenticated")

        line = command_line(vault, "--scope", "acme")
        started(line, "2026-07-28", host, {API_KEY_VARIABLE: made.key})
    environment = {**os.environ, API_KEY_VARIABLE: made.key}
    ran = subprocess.run(line, input=b"", capture_output=True, check=False, env=environment)
    assert ran.returncode != 0
    assert ran.stdout == b""
    assert b"API key" in ran.stderr
    assert made.key.encode() not in ran.stderr


@pytest.mark.parametrize("version", VERSIONS)
def test_a_text_that_is_no_utf8_is_told_all_the_same(vault: Path, version: str) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        memory.add("half a pair: \ud800", scope="acme", metadata={"\U0001f375": "tea"})

    async def host(client: Client) -> None:
        (listed,) = (await answer(client, "list_memories"))["memories"]
        assert listed["text"] == "half a pair: \ufffd"
        got = await answer(client, "get_memory", id=listed["id"])
        assert got["metadata"] == {"\U0001f375": "tea"}
        assert len((await client.list_tools()).tools) == 11  # it is still there

    started(command_line(vault, "--scope", "acme"), version, host)


def test_broken_json_harms_no_request_after_it(vault: Path) -> None:
    with child(command_line(vault, "--scope", "acme")) as process:
        shaken_hands(process)
        sent(
            process,
            b"{",
            b"",
            b"\xff\xfe\x00",
            b"[]",
            b'"text"',
            b'{"jsonrpc": "2.0"}',
            b'{"jsonrpc": "1.0", "id": 5, "method": "tools/list"}',
            b"[" * 100_000,
            request(1, "nothing"),
            request(2, "tools/call", name="add_memory", arguments="a"),
            request(3, "tools/call", name="add_memory", arguments={"text": "a"}),
        )
        answers = {}
        while 3 not in answers:
            message = received(process)
            answers[message.get("id")] = message
        assert answers[1]["error"]["code"] == -32601
        assert answers[2]["error"]["code"] == -32602
        assert answers[3]["result"]["structuredContent"]["version"] == 1


@pytest.mark.parametrize(
    ("line", "identity", "code"),
    [
        (b"{", None, -32700),
        (b"\xff\xfe\x00", None, -32700),
        (b"[" * 100_000, None, -32700),
        (b"null", None, -32600),
        (b"[]", None, -32600),
        (b"[" + LISTED + b"]", None, -32600),
        (b'{"jsonrpc": "2.0"}', None, -32600),
        (b'{"jsonrpc": "2.0", "id": "\\ud800", "method": "ping"}', None, -32600),
        (b'{"jsonrpc": "1.0", "id": 5, "method": "tools/list"}', 5, -32600),
        (b'{"jsonrpc": "2.0", "id": "x", "method": "tools/list", "params": 1}', "x", -32602),
        (LISTED.replace(b"acme", b"a\\ud800"), 9, -32602),
    ],
)
def test_what_cannot_be_read_is_answered_with_an_error(
    line: bytes, identity: object, code: int
) -> None:
    with pytest.raises(ValidationError) as refused:
        jsonrpc_message_adapter.validate_json(line.decode("utf-8", "replace"), by_name=False)
    error = error_of(refused.value)
    assert error is not None
    assert (error.id, error.error.code) == (identity, code)


def test_a_line_that_cannot_be_read_is_answered_over_stdio_and_a_blank_one_is_not(
    vault: Path,
) -> None:
    with child(command_line(vault, "--scope", "acme")) as process:
        shaken_hands(process)
        sent(process, b"", b"  ", b"{", LISTED.replace(b"acme", b"a\\ud800"), b"null")
        told = [received(process) for _ in range(3)]
        assert [(each["id"], each["error"]["code"]) for each in told] == [
            (None, -32700), (9, -32602), (None, -32600),
        ]  # fmt: skip


def test_what_others_print_does_not_come_between_the_messages(vault: Path) -> None:
    vault.mkdir()  # no vault: opening it fails, and says so on stderr alone
    (vault / "memos.db").write_bytes(b"no database at all, and long enough to be looked at")
    process = subprocess.run(
        command_line(vault), input=b"", capture_output=True, check=False, timeout=END_SECONDS
    )
    assert process.returncode == ExitCode.VERIFICATION_FAILED
    assert process.stdout == b""
    assert process.stderr != b""


def test_a_host_that_asks_faster_than_it_reads_gets_every_answer(vault: Path) -> None:
    count = 3 * MOST_UNANSWERED
    with child(command_line(vault, "--scope", "acme")) as process:
        shaken_hands(process)

        def ask() -> None:
            for number in range(1, count + 1):
                sent(process, request(number, "tools/call", name="list_memories", arguments={}))
                if number % 3 == 0:
                    cancelled = {"requestId": number, "reason": "no matter"}
                    message = {"method": "notifications/cancelled", "params": cancelled}
                    sent(process, json.dumps({"jsonrpc": "2.0", **message}).encode())

        asking = threading.Thread(target=ask)
        asking.start()
        wanted = {number for number in range(1, count + 1) if number % 3}
        while wanted:
            wanted.discard(received(process)["id"])
        asking.join()


@contextmanager
def never_read(vault: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server that was asked for more than a pipe holds, and whose answers nobody reads."""
    with child(command_line(vault, "--scope", "acme")) as process:
        shaken_hands(process)
        sent(
            process,
            request(1, "tools/call", name="add_memory", arguments={"text": "x " * LARGE}),
            *(request(n, "tools/call", name="list_memories", arguments={}) for n in range(2, 30)),
        )
        with Memory(vault) as memory:
            wait_until(lambda: memory.count(scope="acme") == 1)
        yield process


def test_a_host_that_never_reads_stops_nobody_else_and_leaves_no_process(vault: Path) -> None:
    with never_read(vault) as process:
        with Memory(vault, actor="agent:alice") as memory:
            memory.add("another process writes", scope="acme")
        assert process.stdout is not None
        process.stdout.close()  # the host is gone, and never read an answer
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(END_SECONDS) == 0


def test_a_host_that_closes_stdin_and_reads_no_answer_leaves_no_process(vault: Path) -> None:
    with never_read(vault) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(END_SECONDS) == 0
    with Memory(vault) as memory:
        assert memory.count(scope="acme") == 1
        assert memory.verify().ok
