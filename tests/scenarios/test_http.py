"""The vault over HTTP, on both engines: written, read, followed and taken back by a key."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from memos import Memory
from tests.interface.http.served import ALL_ACTIONS, PROBLEM, Caller, Served
from tests.waiting import wait_until

NDJSON = {"Content-Type": "application/x-ndjson"}


@pytest.fixture
def served(memory: Memory) -> Iterator[Served]:
    with Served(memory) as server:
        yield server


@pytest.fixture
def caller(served: Served, tenant: str) -> Caller:
    return served.caller("agent:alice", tenant, actions=ALL_ACTIONS)


def added(caller: Caller, text: str, scope: str, **headers: str) -> httpx.Response:
    answer = caller.client.post(
        "/v1/memories", json={"text": text, "scope": scope}, headers=headers
    )
    assert answer.status_code == 201, answer.text
    return answer


def test_what_is_written_is_read_at_once_and_changed_at_the_version_that_was_read(
    caller: Caller, tenant: str
) -> None:
    first = added(caller, "She likes pottery.", tenant)
    where, tag = first.headers["location"], first.headers["etag"]
    got = caller.client.get(where)
    assert (got.json()["text"], got.headers["etag"]) == ("She likes pottery.", tag)
    changed = caller.client.patch(where, json={"text": "Glass."}, headers={"If-Match": tag})
    assert changed.status_code == 200, changed.text
    assert caller.client.get(where).headers["etag"] == changed.headers["etag"]
    late = caller.client.patch(where, json={"text": "Clay."}, headers={"If-Match": tag})
    assert (late.status_code, late.headers["content-type"]) == (412, PROBLEM)
    asked = {"query": "glass", "scope": tenant}
    hits = caller.client.post("/v1/search", json=asked).json()["hits"]
    assert [hit["text"] for hit in hits] == ["Glass."]
    history = caller.client.get(f"{where}/history").json()["changes"]
    assert [change["text"] for change in history] == ["She likes pottery.", "Glass.", None]


def test_a_request_that_is_sent_again_is_answered_alike(caller: Caller, tenant: str) -> None:
    key = {"Idempotency-Key": "once"}
    first, again = (added(caller, "Once.", tenant, **key) for _ in range(2))
    assert first.json() == again.json()
    assert first.headers["etag"] == again.headers["etag"]
    assert len(caller.client.get("/v1/memories").json()["memories"]) == 1


def test_a_bulk_is_answered_line_by_line_and_changes_are_told_once_each(
    caller: Caller, tenant: str
) -> None:
    body = b"".join(
        json.dumps({"text": f"Line {n}.", "scope": f"{tenant}/bulk"}).encode() + b"\n"
        for n in range(20)
    )
    with caller.client.stream("GET", "/v1/changes", params={"scope": f"{tenant}/bulk"}) as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("retry: ")
        bulk = caller.client.post("/v1/memories/bulk", content=body, headers=NDJSON)
        *told, end = map(json.loads, bulk.text.splitlines())
        assert (end["done"], end["complete"]) == (20, True)
        changes: list[dict[str, Any]] = []
        while len(changes) < 20:
            line = next(lines)
            if line.startswith("data: "):
                changes.append(json.loads(line.removeprefix("data: ")))
    written = [line["receipt"]["event_id"] for line in told]
    assert sorted(change["event_id"] for change in changes) == sorted(written)


def test_what_was_done_is_taken_back_and_erased(caller: Caller, tenant: str) -> None:
    first = added(caller, "Right.", tenant)
    where, cube_id = first.headers["location"], first.json()["cube_id"]
    caller.client.patch(where, json={"text": "Wrong."}, headers={"If-Match": "*"})
    undone = caller.client.post("/v1/rollbacks", json={"cube_id": cube_id, "to_version": 1})
    assert undone.status_code == 200, undone.text
    assert caller.client.get(where).json()["text"] == "Right."
    erased = caller.client.post("/v1/erasures", json={"cube_id": cube_id})
    assert erased.json()["cube_ids"] == [cube_id]
    assert caller.client.get(where).status_code == 410


def test_a_revoked_key_is_refused(served: Served, caller: Caller, tenant: str) -> None:
    assert caller.client.get("/readyz").status_code == 200
    served.memory.revoke_api_key(caller.key_id, tenant=tenant)
    wait_until(lambda: caller.client.get("/v1/memories").status_code == 401, "it is still good")
