"""The other routes, each against what `Memory` itself says."""

from __future__ import annotations

import inspect
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from memos import Memory
from memos.interface.http.routes.api_keys import NewApiKey, Rotation
from memos.interface.http.routes.chat import ChatTurn
from memos.interface.http.routes.memories import MemoryChange, NewMemory
from memos.interface.http.routes.search import ContextQuery, SearchQuery
from memos.interface.http.routes.undo import ErasureRequest, RollbackRequest
from memos.interface.http.settings import HttpSettings
from memos.interface.serialise import plain
from tests.interface.http.served import ALL_ACTIONS, Caller, Served, add, check_problem
from tests.interface.odd import ASKED, Echo

NOT_IN_A_BODY = {
    "self": "the vault",
    "cube_id": "stands in the address",
    "key_id": "stands in the address",
    "idempotency_key": "is a header",
    "expected_version": "is a header",
    "count_tokens": "a function",
    "model": "the server's",
    "stream": "a stream of an answer is the proxy's",
}


@pytest.mark.parametrize(
    ("body", "method"),
    [
        (NewMemory, Memory.add),
        (MemoryChange, Memory.update),
        (SearchQuery, Memory.search),
        (ContextQuery, Memory.context),
        (ChatTurn, Memory.chat),
        (RollbackRequest, Memory.rollback),
        (ErasureRequest, Memory.erase),
        (NewApiKey, Memory.create_api_key),
        (Rotation, Memory.rotate_api_key),
    ],
)
def test_a_body_has_the_arguments_of_its_method_with_their_defaults(body: Any, method: Any) -> None:
    wanted = dict(inspect.signature(method).parameters)
    if method not in (Memory.rollback, Memory.erase):
        for name in NOT_IN_A_BODY:
            wanted.pop(name, None)
    wanted.pop("self", None)
    assert body.model_fields.keys() == wanted.keys()
    for name, parameter in wanted.items():
        field = body.model_fields[name]
        if parameter.default is inspect.Parameter.empty:
            assert field.is_required()
        else:
            default = field.get_default(call_default_factory=True)
            expected = parameter.default
            assert default == (list(expected) if isinstance(expected, tuple) else expected)


def test_a_search_finds_what_the_memory_finds(alice: Caller, served: Served) -> None:
    add(alice, text="The kettle is blue.", scope="acme/search", tags=["kitchen"])
    add(alice, text="The car is red.", scope="acme/search")
    asked: dict[str, Any] = {
        "query": "kettle",
        "scope": ["acme/search"],
        "k": 3,
        "filter": {"tags": "kitchen"},
    }
    found = alice.client.post("/v1/search", json=asked).json()
    direct = served.memory.as_actor("user:alice", tenant="acme").search(**asked)
    assert [hit["cube_id"] for hit in found["hits"]] == [hit.cube_id for hit in direct]
    assert found["hits"][0]["text"] == "The kettle is blue."
    assert found["explain"]["recipe"] == direct.explain["recipe"]
    wrong = alice.client.post("/v1/search", json={**asked, "filter": {"nothing": 1}})
    check_problem(wrong, 422, "invalid-input")


def test_a_context_is_a_block_or_two(alice: Caller, served: Served) -> None:
    add(alice, text="The lamp is green.", scope="acme/context")
    asked = {"query": "lamp", "scope": "acme/context", "budget_tokens": 200}
    block = alice.client.post("/v1/context", json=asked).json()
    assert "The lamp is green." in block["text"]
    assert block["citations"]
    both = alice.client.post("/v1/context", json={**asked, "stable": True}).json()
    assert both.keys() >= {"pinned", "delta", "state"}


def test_the_versions_of_a_memory_are_told(alice: Caller) -> None:
    added = add(alice, text="First.", scope="acme/versions")
    where = added.headers["location"]
    alice.client.patch(where, json={"text": "Second."}, headers={"If-Match": "*"})
    changes = alice.client.get(f"{where}/history").json()["changes"]
    assert [change["text"] for change in changes] == ["First.", "Second."]
    diff = alice.client.get(f"{where}/diff", params={"before": 1, "after": 2}).json()
    assert "-First." in diff["text"]
    lineage = alice.client.get(f"{where}/lineage", params={"direction": "upstream"}).json()
    assert lineage.keys() >= {"edges", "depth"}
    check_problem(alice.client.get(f"{where}/diff"), 422, "invalid-input")
    old = alice.client.get(where, params={"version": 1})
    assert (old.json()["text"], old.headers["etag"]) == ("First.", added.headers["etag"])


def test_the_log_is_told_page_by_page(alice: Caller) -> None:
    made = [add(alice, text=f"{n}.", scope="acme/log").json()["event_id"] for n in range(5)]
    asked: dict[str, Any] = {"scope": "acme/log", "limit": 2}
    seen: list[str] = []
    page = alice.client.get("/v1/events", params=asked).json()
    while True:
        seen += [event["event_id"] for event in page["events"]]
        if "next" not in page:
            break
        page = alice.client.get("/v1/events", params={**asked, "cursor": page["next"]}).json()
    assert seen == made
    page = alice.client.get("/v1/events", params=asked).json()
    other = {"scope": "acme", "limit": 2, "cursor": page["next"]}
    check_problem(alice.client.get("/v1/events", params=other), 422, "invalid-input")
    wrong = {**asked, "cursor": "x"}
    check_problem(alice.client.get("/v1/events", params=wrong), 422, "invalid-input")


def test_who_read_what_is_told_to_who_may_know(alice: Caller, served: Served) -> None:
    added = add(alice, scope="acme/accesses")
    alice.client.get(added.headers["location"])
    where = {"cube_id": added.json()["cube_id"]}
    check_problem(alice.client.get("/v1/accesses", params=where), 403, "denied")
    owner = served.caller("user:alice", actions=ALL_ACTIONS)
    read = owner.client.get("/v1/accesses", params=where).json()["accesses"]
    assert [entry["action"] for entry in read] == ["get"]
    bob = served.caller("user:bob")
    check_problem(bob.client.get("/v1/accesses", params=where), 403, "denied")
    bob.client.get(added.headers["location"] + "/nothing")
    denied = bob.client.get("/v1/accesses", params={"denied": "true"}).json()["accesses"]
    assert {entry["rule"] for entry in denied}


def test_what_was_done_is_taken_back(alice: Caller) -> None:
    added = add(alice, text="Right.", scope="acme/undo")
    where, cube_id = added.headers["location"], added.json()["cube_id"]
    alice.client.patch(where, json={"text": "Wrong."}, headers={"If-Match": "*"})
    asked = {"cube_id": cube_id, "to_version": 1}
    plan = alice.client.post("/v1/rollbacks", json={**asked, "dry_run": True}).json()
    assert plan["dry_run"]
    assert alice.client.get(where).json()["text"] == "Wrong."
    alice.client.post("/v1/rollbacks", json=asked)
    assert alice.client.get(where).json()["text"] == "Right."
    check_problem(alice.client.post("/v1/rollbacks", json={}), 422, "invalid-input")


def test_what_is_erased_is_planned_and_receipted(root: Caller) -> None:
    added = add(root, text="Forget me.", scope="acme/erase", subject="user:x")
    asked = {"subject": "user:x"}
    plan = root.client.post("/v1/erasures", json={**asked, "dry_run": True}).json()
    assert [memory["cube_id"] for memory in plan["memories"]] == [added.json()["cube_id"]]
    receipt = root.client.post("/v1/erasures", json=asked).json()
    assert receipt["cube_ids"] == [added.json()["cube_id"]]
    check_problem(root.client.get(added.headers["location"]), 410, "erased")


def test_what_concerns_the_whole_vault_is_not_for_a_key_of_one_tenant(root: Caller) -> None:
    event_id = add(root).json()["event_id"]
    new = {"actor": "user:root", "tenant": None}
    refused = (
        root.client.post("/v1/verifications"),
        root.client.get(f"/v1/proofs/{event_id}"),
        root.client.get("/v1/cuts"),
        root.client.post("/v1/cuts", json={"name": "now"}),
        root.client.get("/v1/api-keys"),
        root.client.post("/v1/api-keys", json=new),
        root.client.post(f"/v1/api-keys/{root.key_id}/rotate", json={"tenant": None}),
        root.client.delete(f"/v1/api-keys/{root.key_id}"),
    )
    for answer in refused:
        problem = check_problem(answer, 403, "denied")
        assert problem["rule"] == "tenant-boundary"
        assert "it takes an API key of the whole vault" in problem["detail"]


def test_the_vault_is_checked_and_proved_by_who_serves_it(tmp_path: Path) -> None:
    with Memory(tmp_path / "v") as memory, Served(memory, HttpSettings(anonymous=True)) as server:
        client = server.client()
        sent = {"text": "x", "scope": "acme"}
        event_id = client.post("/v1/memories", json=sent).json()["event_id"]
        assert client.post("/v1/verifications").json()["problems"] == []
        assert client.post("/v1/cuts", json={"name": "now"}).status_code == 201
        assert client.get("/v1/cuts").json() == {"cuts": {"now": 1}}
        check_problem(client.post("/v1/cuts", json={"name": "now"}), 409, "illegal-move")
        proof = client.get(f"/v1/proofs/{event_id}").json()
        assert proof["position"] == "0:0"
        key = client.get("/v1/verifier-key").json()["verifier_key"]
        assert key == memory.verifier_key()
        assert proof == plain(memory.prove(event_id))


def test_a_server_with_a_model_answers_from_memories(tmp_path: Path) -> None:
    settings = HttpSettings(anonymous=True, model=Echo())
    asked = {"messages": ASKED, "scope": "acme", "remember": True}
    with Memory(tmp_path / "v") as memory, Served(memory, settings) as server:
        answer = server.client().post("/v1/chat", json=asked)
        assert answer.status_code == 200, answer.text
        assert answer.json()["text"]
        assert len(answer.json()["remembered"]) == 2


def test_a_server_without_a_model_says_so(alice: Caller) -> None:
    asked = {"messages": [{"role": "user", "content": "?"}], "scope": "acme"}
    check_problem(alice.client.post("/v1/chat", json=asked), 501, "no-model")


def test_times_and_durations_are_taken_as_text(alice: Caller) -> None:
    added = add(
        alice,
        scope="acme/times",
        valid_from="2024-05-01",
        valid_until="2024-06-01T12:00:00Z",
        lifespan="90d",
    )
    cube = alice.client.get(added.headers["location"]).json()
    assert datetime.fromisoformat(cube["valid_from"]) == datetime(2024, 5, 1, tzinfo=UTC)
    assert cube["lifespan"]["after"]
