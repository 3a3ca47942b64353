"""Many memories in one request: each line is answered, and what was answered is there."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos import Memory
from memos.interface.http.problems import Refusal
from memos.interface.http.routes import bulk
from memos.interface.http.settings import HttpSettings
from tests.interface.http.served import Caller, Served, answer_on, check_problem, cube_of

NDJSON = {"Content-Type": "application/x-ndjson"}


def lines_of(caller: Caller, body: bytes | Iterator[bytes], **headers: str) -> list[dict[str, Any]]:
    """The lines that answer a bulk."""
    answer = caller.client.post("/v1/memories/bulk", content=body, headers={**NDJSON, **headers})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/x-ndjson"
    return [json.loads(line) for line in answer.text.splitlines()]


def new(text: str, scope: str = "acme/bulk") -> bytes:
    return json.dumps({"text": text, "scope": scope}).encode() + b"\n"


def test_each_line_is_answered_in_order_and_the_last_one_counts(
    alice: Caller, served: Served
) -> None:
    body = b"".join(new(f"Line {n}.", "acme/lines") for n in range(300))
    *told, end = lines_of(alice, body)
    assert [line["line"] for line in told] == list(range(1, 301))
    assert end == {"done": 300, "failed": 0, "complete": True, "problem": None}
    for line in (told[0], told[-1]):
        cube = cube_of(served.memory, line["receipt"]["cube_id"])
        assert (cube.text, cube.owner) == (f"Line {line['line'] - 1}.", "user:alice")


def test_a_line_that_fails_hinders_no_other(alice: Caller) -> None:
    body = b"\n".join(
        [
            new("Good.").strip(),
            b"{no json",
            b'{"text": 1, "scope": "acme"}',
            b'{"text": "x", "scope": "globex"}',
            b"",
            b"\xff",
            new("Good, without an end.").strip(),
        ]
    )
    *told, end = lines_of(alice, body)
    statuses = [line["problem"] and line["problem"]["status"] for line in told]
    assert statuses == [None, 400, 422, 403, 400, None]
    assert [line["line"] for line in told] == [1, 2, 3, 4, 6, 7]
    assert (end["done"], end["failed"], end["complete"]) == (2, 4, True)


def test_a_bulk_that_is_sent_again_makes_nothing_twice(alice: Caller, served: Served) -> None:
    body = b"".join(new(f"Once {n}.", "acme/again") for n in range(20))
    first = lines_of(alice, body, **{"Idempotency-Key": "bulk"})
    assert lines_of(alice, body, **{"Idempotency-Key": "bulk"}) == first
    assert served.memory.count(scope="acme/again") == 20
    other = lines_of(alice, new("Other.", "acme/again"), **{"Idempotency-Key": "bulk"})
    assert other[0]["problem"]["type"] == "urn:memos:problem:other-content"


def test_lines_are_read_though_nobody_reads_their_answers(alice: Caller, served: Served) -> None:
    """A client that sends all before it reads any must not wait for a server that waits for it."""
    body = b"".join(new("x" * 20, "acme/unread") for _ in range(3000))
    with socket.socket() as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", served.port))
        head = (
            "POST /v1/memories/bulk HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
            f"Content-Type: application/x-ndjson\r\nContent-Length: {len(body)}\r\n"
            f"Authorization: Bearer {alice.key}\r\n\r\n"
        )
        connection.settimeout(60)
        connection.sendall(head.encode() + body)
        told = answer_on(connection)
    assert b'{"done": 3000, "failed": 0, "complete": true, "problem": null}' in told


def test_a_line_is_answered_before_the_next_one_is_sent(alice: Caller, served: Served) -> None:
    with served.connect() as connection:
        head = (
            "POST /v1/memories/bulk HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            f"Content-Type: application/x-ndjson\r\nAuthorization: Bearer {alice.key}\r\n\r\n"
        )
        connection.sendall(head.encode())
        reading = connection.makefile("rb")
        for n in (1, 2):
            line = new(f"Turn {n}.")
            connection.sendall(b"%x\r\n%s\r\n" % (len(line), line))
            while not (told := reading.readline()).startswith(b'{"line": %d,' % n):
                assert told
        reading.close()


def test_a_bulk_ends_with_its_key(served: Served) -> None:
    caller = served.caller()
    with served.connect() as connection:
        head = (
            "POST /v1/memories/bulk HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            f"Content-Type: application/x-ndjson\r\nAuthorization: Bearer {caller.key}\r\n\r\n"
        )
        line = new("The last one.")
        connection.sendall(head.encode() + b"%x\r\n%s\r\n" % (len(line), line))
        reading = connection.makefile("rb")
        while not reading.readline().startswith(b'{"line": 1,'):
            pass
        served.memory.revoke_api_key(caller.key_id, tenant="acme")
        revoked = time.monotonic()
        while not (told := reading.readline()).startswith(b'{"done": 1,'):
            pass
        assert time.monotonic() - revoked < 1.0
        assert json.loads(told)["problem"]["type"] == "urn:memos:problem:stopping"
        reading.close()


def test_a_bulk_has_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bulk, "MOST_LINES", 3)
    settings = HttpSettings(body_bytes=1000, bulk_bytes=5000)
    with Memory(tmp_path / "v", actor="user:root") as memory, Served(memory, settings) as server:
        caller = server.caller()
        *told, end = lines_of(caller, new("x") * 5)
        assert (len(told), end["done"], end["complete"]) == (3, 3, False)
        assert end["problem"]["type"] == "urn:memos:problem:too-large"
        *told, end = lines_of(caller, new("x") + new("y" * 2000))
        assert (len(told), end["complete"]) == (1, False)
        refused = caller.client.post("/v1/memories/bulk", content=new("x") * 200, headers=NDJSON)
        check_problem(refused, 413, "too-large")
        *_, end = lines_of(caller, iter([new("x" * 900)] * 9))
        assert not end["complete"]
        assert end["problem"]["type"] == "urn:memos:problem:too-large"


def test_an_ordinary_route_takes_no_lines_and_a_bulk_nothing_else(alice: Caller) -> None:
    refused = alice.client.post("/v1/memories", content=new("x"), headers=NDJSON)
    check_problem(refused, 415, "unsupported-media-type")
    other = alice.client.post("/v1/memories/bulk", json={"text": "x", "scope": "acme"})
    check_problem(other, 415, "unsupported-media-type")


@given(body=st.binary(max_size=200), cuts=st.lists(st.integers(0, 200), max_size=10))
def test_lines_are_the_same_however_a_body_comes(body: bytes, cuts: list[int]) -> None:
    places = [0, *sorted(cuts), len(body)]

    async def parts() -> AsyncIterator[bytes]:
        for begin, end in pairwise(places):
            yield body[begin:end]

    async def split() -> list[bytes]:
        return [line async for line in bulk.split_lines(parts(), 1000)]

    whole = b"".join(body[a:b] for a, b in pairwise(places))
    lines = whole.split(b"\n")
    assert asyncio.run(split()) == (lines if lines[-1] else lines[:-1])


def test_a_line_that_is_too_long_is_refused_before_it_is_whole() -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"short\n"
        while True:
            yield b"x" * 100

    lines: list[bytes] = []

    async def split() -> None:
        lines.extend([line async for line in bulk.split_lines(parts(), 250)])

    with pytest.raises(Refusal, match="longer than 250 bytes"):
        asyncio.run(split())


def test_a_line_s_key_is_met_by_no_request_of_one_memory(alice: Caller) -> None:
    single = {"text": "Alone.", "scope": "acme/bulk"}
    for between in ("/", ":", "-", "#", " "):
        key = {"Idempotency-Key": f"together{between}1"}
        assert alice.client.post("/v1/memories", json=single, headers=key).status_code == 201
    told, _ = lines_of(alice, new("Together."), **{"Idempotency-Key": "together"})
    assert told["problem"] is None
