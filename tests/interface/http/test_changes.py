"""The changes of a vault as a stream: in order, resumable, and over when the key is."""

from __future__ import annotations

import json
import resource
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from memos import Memory
from memos.interface.http.protocol import BoundedProtocol
from memos.interface.http.settings import HttpSettings
from tests.interface.http.served import Caller, Served, add, check_problem
from tests.waiting import wait_until

ENDED_WITHIN = 1.0
STREAMS = 100


def events_of(answer: httpx.Response) -> Iterator[dict[str, str]]:
    """The events of a stream, each with its fields; those without data as well."""
    event: dict[str, str] = {}
    for line in answer.iter_lines():
        if line:
            name, _, value = line.partition(": ")
            event[name] = value
        else:
            yield event
            event = {}


def data_of(events: Iterator[dict[str, str]]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The id and the record of each event that has one."""
    for event in events:
        if "data" in event:
            assert event["event"] == "change"
            yield event["id"], json.loads(event["data"])


def test_what_changes_is_told_in_order_from_now_on(served: Served) -> None:
    caller = served.caller()
    add(caller, "Before.", scope="acme/stream")
    with caller.client.stream("GET", "/v1/changes", params={"scope": "acme/stream"}) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        events = events_of(answer)
        assert "id" in next(events)
        made = [add(caller, f"Change {n}.", scope="acme/stream").json() for n in range(5)]
        told = data_of(events)
        records = [next(told)[1] for _ in range(5)]
    assert [record["event_id"] for record in records] == [each["event_id"] for each in made]
    assert {record["kind"] for record in records} == {"Generated"}


def test_a_stream_goes_on_behind_the_id_that_was_received(served: Served) -> None:
    caller = served.caller()
    where = {"scope": "acme/resumed"}
    with caller.client.stream("GET", "/v1/changes", params=where) as answer:
        events = events_of(answer)
        begun = next(events)["id"]
        made = [add(caller, f"{n}.", **where).json()["event_id"] for n in range(6)]
        told = data_of(events)
        last = [next(told)[0] for _ in range(2)][-1]
    for since, expected in ((last, made[2:]), (begun, made)):
        again = caller.client.stream(
            "GET", "/v1/changes", params=where, headers={"Last-Event-ID": since}
        )
        with again as answer:
            told = data_of(events_of(answer))
            assert [next(told)[1]["event_id"] for _ in expected] == expected


@pytest.mark.parametrize("last", ["x", "WzEsMl0", "0:42", "WzEsIm5vdyIse31d", "\xff"])
def test_an_id_that_is_none_is_refused(alice: Caller, last: str) -> None:
    headers = {"Last-Event-ID": last.encode("latin-1")}
    refused = alice.client.get("/v1/changes", headers=headers)  # type: ignore[arg-type]
    check_problem(refused, 422, "invalid-input")


def test_another_tenants_changes_are_not_told(served: Served, alice: Caller) -> None:
    foreign = served.caller("user:mallory", tenant="globex")
    with foreign.client.stream("GET", "/v1/changes") as answer:
        events = events_of(answer)
        next(events)
        add(alice, "Of acme.")
        add(foreign, "Of globex.", scope="globex")
        _, record = next(data_of(events))
    assert record["scope"] == "globex"


def test_an_open_stream_ends_within_a_second_of_its_keys_revocation(served: Served) -> None:
    caller = served.caller()
    with caller.client.stream("GET", "/v1/changes") as answer:
        events = events_of(answer)
        next(events)
        served.memory.revoke_api_key(caller.key_id, tenant="acme")
        revoked = time.monotonic()
        last = [record["kind"] for _, record in data_of(events)]
        assert time.monotonic() - revoked < ENDED_WITHIN
    assert set(last) <= {"ApiKeyRevoked"}


def test_a_stream_that_nobody_reads_holds_little_and_ends_with_its_key(tmp_path: Path) -> None:
    with Memory(tmp_path / "v", actor="user:root") as memory, Served(memory) as server:
        caller = server.caller()
        metadata = {"much": "x" * 10_000}
        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect(("127.0.0.1", server.port))
            asked = (
                "GET /v1/changes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer "
                f"{caller.key}\r\n\r\n"
            )
            connection.sendall(asked.encode())
            connections = server._server.server_state.connections
            wait_until(lambda: len(connections) == 1, "the stream begins")
            for _ in range(10):
                memory.add_many([{"text": "x", "scope": "acme", "metadata": metadata}] * 100)
            (stream,) = connections
            assert isinstance(stream, BoundedProtocol)
            wait_until(lambda: stream.flow.write_paused, "nobody reads it")
            held = stream.transport.get_write_buffer_size()
            assert held < 1_000_000
            memory.revoke_api_key(caller.key_id, tenant="acme")
            revoked = time.monotonic()
            wait_until(lambda: not connections, "the connection is closed")
            assert time.monotonic() - revoked < ENDED_WITHIN + 0.5


def test_a_key_has_so_many_streams_and_no_more(tmp_path: Path) -> None:
    settings = HttpSettings(streams_per_key=2)
    with Memory(tmp_path / "v", actor="user:root") as memory, Served(memory, settings) as server:
        caller, other = server.caller(), server.caller("user:bob")
        with (
            caller.client.stream("GET", "/v1/changes") as first,
            caller.client.stream("GET", "/v1/changes") as second,
        ):
            assert first.status_code == second.status_code == 200
            refused = caller.client.get("/v1/changes")
            check_problem(refused, 429, "too-many-streams")
            with other.client.stream("GET", "/v1/changes") as allowed:
                assert allowed.status_code == 200

        def is_let_in() -> bool:
            with caller.client.stream("GET", "/v1/changes") as again:
                return again.status_code == 200

        wait_until(is_let_in, "the places of streams that ended are free")


def test_many_open_streams_hurt_no_other_caller(tmp_path: Path) -> None:
    settings = HttpSettings(streams_per_key=STREAMS)
    with Memory(tmp_path / "v", actor="user:root") as memory, Served(memory, settings) as server:
        caller = server.caller()
        asked = f"GET /v1/changes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {caller.key}\r\n\r\n"
        held = [server.connect() for _ in range(STREAMS)]
        for connection in held:
            connection.sendall(asked.encode())
        for connection in held:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        slowest = 0.0
        for n in range(20):
            begun = time.monotonic()
            add(caller, f"Number {n}.")
            slowest = max(slowest, time.monotonic() - begun)
        assert slowest < 5.0
        for connection in held:
            connection.close()


@pytest.mark.soak
def test_a_thousand_open_streams_of_many_keys_hurt_no_other_caller(tmp_path: Path) -> None:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with Memory(tmp_path / "v", actor="user:root") as memory, Served(memory) as server:
        held = []
        for n in range(1000):
            if not n % 10:
                key = memory.create_api_key(f"user:{n}", tenant="acme").key
            held.append(server.connect())
            asked = f"GET /v1/changes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {key}\r\n\r\n"
            held[-1].sendall(asked.encode())
        for connection in held:
            assert connection.recv(100).startswith(b"HTTP/1.1 200")
        caller = server.caller()
        took = []
        for n in range(100):
            begun = time.monotonic()
            add(caller, f"Number {n}.")
            took.append(time.monotonic() - begun)
        assert sorted(took)[50] < 1.0
        for connection in held:
            connection.close()


def test_a_server_that_ends_ends_its_streams(tmp_path: Path) -> None:
    with Memory(tmp_path / "v", actor="user:root") as memory, Served(memory) as server:
        caller = server.caller()
        with caller.client.stream("GET", "/v1/changes") as answer:
            events = events_of(answer)
            next(events)
            threading.Thread(target=server.ask_to_stop).start()
            assert list(data_of(events)) == []
