"""Who comes in: keys, none, too many requests."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from memos import Memory
from memos.interface.http.rate_limit import Rate
from memos.interface.http.settings import HttpSettings, Upstream
from tests.interface.http.served import (
    ALL_ACTIONS,
    Caller,
    Served,
    answer_on,
    check_problem,
    cube_of,
)
from tests.waiting import wait_until, wait_within

REVOKED_WITHIN = 1.0


@pytest.mark.parametrize(
    "authorization",
    [None, "", "Bearer", "Basic YTpi", "memos_abc", "Bearer memos_abc", "Bearer \xff"],
)
def test_who_is_not_known_does_not_come_in(served: Served, authorization: str | None) -> None:
    client = served.client()
    headers = {} if authorization is None else {"Authorization": authorization.encode("latin-1")}
    for method, path in (("GET", "/v1/memories"), ("POST", "/v1/search"), ("GET", "/v1/nothing")):
        refused = client.request(method, path, headers=headers, content=None)  # type: ignore[arg-type]
        check_problem(refused, 401, "unauthenticated")
        assert refused.headers["www-authenticate"] == "Bearer"


def test_the_body_of_who_is_not_known_is_not_looked_at(served: Served) -> None:
    sent = {"Content-Type": "application/json"}
    refused = served.client().post("/v1/memories", content=b"{no json", headers=sent)
    check_problem(refused, 401, "unauthenticated")


def test_only_who_starts_the_server_without_keys_has_callers_without(tmp_path: Path) -> None:
    with (
        Memory(tmp_path / "v", actor="user:me") as memory,
        Served(memory, HttpSettings(anonymous=True)) as server,
    ):
        client = server.client()
        sent = {"text": "mine", "scope": "acme"}
        made = client.post("/v1/memories", json=sent).json()["cube_id"]
        assert cube_of(memory, made).owner == "user:me"
        wrong = client.get("/v1/memories", headers={"Authorization": "Bearer memos_wrong"})
        check_problem(wrong, 401, "unauthenticated")


def test_health_and_the_description_are_anybodys(served: Served) -> None:
    client = served.client()
    for path in ("/healthz", "/readyz", "/openapi.json", "/metrics"):
        assert client.get(path).status_code == 200, path


def test_a_revoked_key_is_refused_within_a_second(served: Served) -> None:
    caller = served.caller()
    assert caller.client.get("/v1/memories").status_code == 200
    served.memory.revoke_api_key(caller.key_id, tenant="acme")
    revoked = time.monotonic()
    wait_within(
        REVOKED_WITHIN, revoked, lambda: caller.client.get("/v1/memories").status_code == 401
    )


def test_a_key_that_another_process_revokes_is_refused_within_a_second(served: Served) -> None:
    caller = served.caller()
    assert caller.client.get("/v1/memories").status_code == 200
    with Memory(served.memory.path, actor="user:root") as other:
        other.revoke_api_key(caller.key_id, tenant="acme")
        revoked = time.monotonic()
        wait_within(
            REVOKED_WITHIN, revoked, lambda: caller.client.get("/v1/memories").status_code == 401
        )


SLOW = (
    ("POST", "/v1/memories", {"text": "Too late.", "scope": "acme/slow"}),
    ("PATCH", "/v1/memories/{}", {"text": "Too late."}),
    ("POST", "/v1/search", {"query": "tea", "scope": "acme"}),
    ("POST", "/v1/erasures", {"cube_id": "{}"}),
    ("POST", "/v3/memories/add/", {"messages": [{"role": "user", "content": "Too late."}]}),
    ("PUT", "/v1/memories/{}/", {"text": "Too late."}),
    ("POST", "/openai/v1/chat/completions", {"model": "m", "messages": []}),
)


def test_a_key_that_is_revoked_while_its_body_comes_does_nothing(tmp_path: Path) -> None:
    settings = HttpSettings(upstream=Upstream("http://127.0.0.1:9/v1"))
    with (
        Memory(tmp_path / "v", actor="user:root") as memory,
        Served(memory, settings) as server,
        ExitStack() as connections,
    ):
        caller = server.caller("user:root", actions=ALL_ACTIONS)
        cube_id = memory.add("There first.", scope="acme/slow").cube_id
        digest = cube_of(memory, cube_id).digest
        slow = []
        for method, path, body in SLOW:
            sent = json.dumps(body).replace("{}", cube_id).encode()
            connection = connections.enter_context(server.connect())
            connection.sendall(
                f"{method} {path.format(cube_id)} HTTP/1.1\r\nHost: localhost\r\nIf-Match: *\r\n"
                f"Authorization: Bearer {caller.key}\r\nContent-Type: application/json\r\n"
                f"Connection: close\r\nContent-Length: {len(sent)}\r\n\r\n".encode()
                + sent[:1]
            )
            slow.append((connection, sent[1:]))
        memory.revoke_api_key(caller.key_id, tenant="acme")
        revoked = time.monotonic()
        wait_until(lambda: time.monotonic() - revoked > REVOKED_WITHIN, "the clock goes on")
        for (connection, rest), (_, path, _) in zip(slow, SLOW, strict=True):
            connection.sendall(rest)
            told = answer_on(connection)
            assert told.startswith(b"HTTP/1.1 401 "), (path, told)
            assert b"urn:memos:problem:unauthenticated" in told
            assert b"www-authenticate: bearer" in told.lower()
        assert [cube.text for cube in memory.list()] == ["There first."]
        assert cube_of(memory, cube_id).digest == digest


def test_each_answer_tells_what_is_left_of_the_keys_rate(tmp_path: Path) -> None:
    settings = HttpSettings(rate=Rate(refill=0.001, burst=3))
    with Memory(tmp_path / "v", actor="user:root") as memory, Served(memory, settings) as server:
        eager, other = server.caller(), server.caller("user:bob")
        for left in (2, 1, 0):
            answer = eager.client.get("/v1/memories")
            assert answer.headers["ratelimit-policy"] == '"key";q=3;w=3000'
            assert answer.headers["ratelimit"].startswith(f'"key";r={left};t=')
        refused = eager.client.get("/v1/memories")
        check_problem(refused, 429, "rate-limited")
        assert refused.headers["ratelimit"].startswith('"key";r=0;t=')
        assert 0 < int(refused.headers["retry-after"]) <= 1000
        assert other.client.get("/v1/memories").status_code == 200


def test_keys_are_made_listed_rotated_and_revoked_over_http(root: Caller, served: Served) -> None:
    new = {"actor": "agent:new", "tenant": "acme", "name": "laptop", "actions": ["read"]}
    made = root.client.post("/v1/api-keys", json=new)
    assert made.status_code == 201
    key_id = made.json()["api_key"]["key_id"]
    client = served.client(Authorization=f"Bearer {made.json()['key']}")
    assert client.get("/v1/memories").status_code == 200
    listed = root.client.get("/v1/api-keys", params={"tenant": "acme"}).json()["api_keys"]
    (mine,) = [each for each in listed if each["key_id"] == key_id]
    assert (mine["actor"], mine["name"], mine["actions"]) == ("agent:new", "laptop", ["read"])
    assert "key" not in mine
    rotated = root.client.post(
        f"/v1/api-keys/{key_id}/rotate", json={"tenant": "acme", "overlap": None}
    )
    assert rotated.json()["api_key"]["replaces"] == key_id
    wait_until(lambda: client.get("/v1/memories").status_code == 401, "the old key is refused")
    gone = root.client.delete(
        f"/v1/api-keys/{rotated.json()['api_key']['key_id']}", params={"tenant": "acme"}
    )
    assert gone.status_code == 200


def test_who_does_not_administer_a_tenant_makes_no_keys_of_it(alice: Caller, root: Caller) -> None:
    new = {"actor": "user:alice", "tenant": "acme", "actions": ["administer"]}
    check_problem(alice.client.post("/v1/api-keys", json=new), 403, "denied")
    elsewhere = {"actor": "user:root", "tenant": "globex"}
    check_problem(root.client.post("/v1/api-keys", json=elsewhere), 403, "denied")


def test_naming_a_scope_beyond_the_key_is_refused_by_every_route(served: Served) -> None:
    caller = served.caller("user:alice", scopes=["acme/alice"])
    for path in ("/v1/memories", "/v1/events", "/v1/changes", "/v1/accesses"):
        for scope, rule in (
            ("acme/bob", "scope-boundary"),
            ("acme", "scope-boundary"),
            ("globex", "tenant-boundary"),
        ):
            refused = caller.client.get(path, params={"scope": scope})
            assert check_problem(refused, 403, "denied")["rule"] == rule
    for path in ("/v1/memories", "/v1/events"):
        assert caller.client.get(path, params={"scope": "acme/alice/notes"}).status_code == 200
    own = {"scope": "acme/alice", "actor": "user:alice"}
    assert caller.client.get("/v1/accesses", params=own).status_code == 200
