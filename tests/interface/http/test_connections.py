"""Connections that never come to an end by themselves: each is brought to one, and hurts no other."""

from __future__ import annotations

import socket
import time
from contextlib import suppress
from http.client import HTTPResponse
from pathlib import Path

import pytest

from memos import Memory
from memos.interface.http import protocol
from memos.interface.http.settings import HttpSettings
from tests.interface.http.served import SECONDS, Served, answer_on
from tests.waiting import wait_until

SOON = 0.5
HALF_OPEN = 200


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Served:
    """One whose patience is short."""
    monkeypatch.setattr(protocol, "HEADER_SECONDS", SOON)
    monkeypatch.setattr(protocol, "WRITE_SECONDS", SOON)
    memory = Memory(tmp_path / "v")
    return Served(memory, HttpSettings(anonymous=True, body_seconds=SOON))


def test_headers_that_do_not_come_to_an_end_are_not_waited_for(server: Served) -> None:
    with server, server.connect() as silent, server.connect() as slow:
        slow.sendall(b"GET /v1/memories HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        assert answer_on(slow).startswith(b"HTTP/1.1 408")
        assert answer_on(silent) == b""


def test_the_headers_of_a_second_request_are_not_waited_for_either(server: Served) -> None:
    with server, server.connect() as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /heal")
        told = answer_on(connection)
    assert b"HTTP/1.1 408" in told


def test_a_request_that_comes_before_the_answer_to_the_last_one_has_ended_is_answered(
    server: Served,
) -> None:
    """Who has read the last byte that `Content-Length` promises sends the next request at once."""
    body = b'{"text": "She likes tea.", "scope": "acme/alice"}'
    head = (
        b"POST /v1/memories HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\n\r\n" % len(body)
    )
    with server, server.connect() as connection:
        connection.sendall(head + body + head)
        for is_last in (False, True):
            answer = HTTPResponse(connection)
            answer.begin()
            assert answer.status == 201, answer.read()
            answer.read()
            if not is_last:
                connection.sendall(body)


UNANSWERABLE = b"POST /v1/nowhere HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"


def test_a_body_that_comes_behind_its_answer_takes_neither_that_nor_the_next_one_away(
    server: Served,
) -> None:
    with server, server.connect() as connection:
        for _ in range(3):
            connection.sendall(UNANSWERABLE + b"Content-Length: 300000\r\n\r\n")
            answer = HTTPResponse(connection)
            answer.begin()
            assert (answer.status, answer.getheader("connection")) == (404, None)
            answer.read()
            connection.sendall(b"x" * 300_000)


def test_such_a_body_is_not_waited_for_long(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "REST_SECONDS", SOON)
    with server, server.connect() as connection:
        connection.sendall(UNANSWERABLE + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n")
        assert answer_on(connection).startswith(b"HTTP/1.1 404")


def test_of_such_a_body_not_too_much_is_let_come(
    server: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "REST_SECONDS", 10 * SECONDS)
    part = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    with server, server.connect() as connection:
        connection.sendall(UNANSWERABLE + b"Transfer-Encoding: chunked\r\n\r\n")
        sent = 0
        with suppress(BrokenPipeError, ConnectionResetError):
            while sent < 1_000:
                connection.sendall(part)
                sent += 1
    assert protocol.REST_BYTES <= sent * 0x10000 < 20 * protocol.REST_BYTES


def test_headers_without_an_end_are_cut_off(server: Served) -> None:
    with server, server.connect() as connection:
        try:
            connection.sendall(
                b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X-Long: " + b"x" * 10**6
            )
        except (BrokenPipeError, ConnectionResetError):
            return
        told = answer_on(connection)
    assert told == b"" or told.startswith(b"HTTP/1.1 431")


def test_a_body_that_trickles_is_not_waited_for(server: Served) -> None:
    with server, server.connect() as connection:
        connection.sendall(
            b"POST /v1/memories HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 1000\r\n\r\n{"
        )
        told = answer_on(connection)
    assert told.startswith(b"HTTP/1.1 408")
    assert b"urn:memos:problem:request-timeout" in told


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    ],
)
def test_what_is_no_http_is_told_so(server: Served, sent: bytes) -> None:
    with server, server.connect() as connection:
        connection.sendall(sent)
        told = answer_on(connection)
    assert told.startswith((b"HTTP/1.1 400", b"HTTP/1.1 421", b"HTTP/1.1 415")), told[:80]
    assert b"urn:memos:problem:" in told


def test_who_never_reads_an_answer_is_let_go_of(server: Served) -> None:
    with server:
        server.memory.add("x" * 4_000_000, scope="acme")
        (cube,) = server.memory.list()
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            asked = f"GET /v1/memories/{cube.cube_id} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            connection.sendall(asked.encode())
            connections = server._server.server_state.connections
            wait_until(lambda: len(connections) == 1, "the connection comes")
            wait_until(lambda: not connections, "the connection is closed")


def test_half_open_connections_hurt_nobody(server: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEADER_SECONDS", SECONDS)
    with server:
        held = [server.connect() for _ in range(HALF_OPEN)]
        for connection in held:
            connection.sendall(b"GET /v1/changes HTTP/1.1\r\nHost: local")
        begun = time.monotonic()
        client = server.client()
        for _ in range(20):
            assert client.get("/v1/memories").status_code == 200
        assert time.monotonic() - begun < SECONDS / 3
        for connection in held:
            connection.close()


def test_long_headers_are_cut_off_though_they_come_whole(server: Served) -> None:
    with server:
        for count, status in ((60, b"HTTP/1.1 200"), (66, b"HTTP/1.1 431"), (200, b"HTTP/1.1 431")):
            long = b"".join(b"X-%d: %s\r\n" % (n, b"x" * 1000) for n in range(count))
            with server.connect() as connection:
                connection.sendall(
                    b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
                    + long
                    + b"\r\n"
                )
                told = answer_on(connection)
            assert told.startswith(status) or (status == b"HTTP/1.1 431" and not told)
