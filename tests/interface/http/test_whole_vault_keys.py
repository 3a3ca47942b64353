"""What a key of the whole vault opens over HTTP, and what bounds it there."""

from __future__ import annotations

import pytest

from memos.interface.serialise import plain
from tests.interface.http.served import ALL_ACTIONS, Caller, Served, add, check_problem
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def auditor(served: Served) -> Caller:
    return served.caller("user:auditor", None, actions=["read"])


@pytest.fixture(scope="module")
def operator(served: Served) -> Caller:
    """Who administers the vault, by a key for all of it."""
    return served.caller("user:root", None, actions=ALL_ACTIONS)


def test_an_auditor_s_key_proves_verifies_and_reads_cuts_and_events_of_every_tenant(
    auditor: Caller, alice: Caller, served: Served
) -> None:
    served.memory.name_cut("audited")
    event_id = add(alice).json()["event_id"]
    other = served.memory.add("Of another tenant.", scope="globex/x")
    for each in (event_id, other.event_id):
        proof = auditor.client.get(f"/v1/proofs/{each}")
        assert proof.status_code == 200, proof.text
        assert proof.json() == plain(served.memory.prove(each))
    verified = auditor.client.post("/v1/verifications")
    assert verified.json() == plain(served.memory.verify())
    assert auditor.client.get("/v1/cuts").json() == {"cuts": served.memory.cuts()}
    events = auditor.client.get("/v1/events", params={"kind": "Generated"}).json()["events"]
    assert {each["scope"] for each in events} >= {"acme/alice", "globex/x"}


def test_an_auditor_s_key_writes_nothing(auditor: Caller, alice: Caller, served: Served) -> None:
    where = add(alice).headers["location"]
    auditor.client.get("/v1/memories")  # the use of the key is an event of its own
    size = served.memory.checkpoint().size
    any_version = {"If-Match": "*"}
    new = {"actor": "user:auditor", "actions": ["read"]}
    refused = (
        auditor.client.post("/v1/memories", json={"text": "x", "scope": "acme"}),
        auditor.client.patch(where, json={"text": "x"}, headers=any_version),
        auditor.client.delete(where, headers=any_version),
        auditor.client.post("/v1/cuts", json={"name": "now"}),
        auditor.client.post("/v1/rollbacks", json={"actor": "user:alice"}),
        auditor.client.post("/v1/erasures", json={"cube_id": where.rpartition("/")[2]}),
        auditor.client.get("/v1/api-keys"),
        auditor.client.post("/v1/api-keys", json={**new, "tenant": None}),
        auditor.client.post("/v1/api-keys", json={**new, "tenant": "acme"}),
        auditor.client.delete(f"/v1/api-keys/{auditor.key_id}"),
    )
    for answer in refused:
        problem = check_problem(answer, 403, "denied")
        assert problem["rule"] == "action-boundary", problem
    assert served.memory.checkpoint().size == size


def test_keys_of_the_whole_vault_are_made_listed_rotated_and_revoked_over_http(
    operator: Caller, served: Served
) -> None:
    new = {"actor": "user:new", "tenant": None, "actions": ["read"]}
    made = operator.client.post("/v1/api-keys", json=new)
    assert made.status_code == 201, made.text
    key_id = made.json()["api_key"]["key_id"]
    assert made.json()["api_key"]["tenant"] is None
    client = served.client(Authorization=f"Bearer {made.json()['key']}")
    assert client.get("/v1/cuts").status_code == 200
    listed = operator.client.get("/v1/api-keys").json()["api_keys"]
    assert key_id in {each["key_id"] for each in listed}
    assert all(each["tenant"] is None for each in listed)
    body = {"tenant": None, "overlap": None}
    rotated = operator.client.post(f"/v1/api-keys/{key_id}/rotate", json=body)
    assert rotated.json()["api_key"]["replaces"] == key_id
    wait_until(lambda: client.get("/v1/cuts").status_code == 401, "the old key is refused")
    newer = rotated.json()["api_key"]["key_id"]
    assert operator.client.delete(f"/v1/api-keys/{newer}").status_code == 200
    assert operator.client.post("/v1/cuts", json={"name": "renewed"}).status_code == 201


def test_who_leaves_the_tenant_out_of_a_new_key_makes_none_of_the_whole_vault(
    operator: Caller,
) -> None:
    new = {"actor": "user:new", "actions": ["read"]}
    check_problem(operator.client.post("/v1/api-keys", json=new), 422, "invalid-input")
    check_problem(
        operator.client.post("/v1/api-keys", json={**new, "tenant": ""}), 422, "invalid-input"
    )
    check_problem(operator.client.get("/v1/api-keys", params={"tenant": ""}), 422, "invalid-input")


def test_a_key_of_the_whole_vault_in_an_address_is_refused(auditor: Caller) -> None:
    answer = auditor.client.get("/v1/events", params={"kind": auditor.key})
    check_problem(answer, 400, "key-in-address")
