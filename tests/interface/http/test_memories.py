"""Memories one by one over HTTP: preconditions, idempotency, pages."""

from __future__ import annotations

from base64 import b64encode

import pytest

from memos import Memory
from tests.interface.http.served import Caller, Served, add, check_problem


def test_an_added_memory_has_an_address_and_an_etag_and_reads_as_it_was_added(
    alice: Caller,
) -> None:
    added = add(alice, tags=["drinks"], metadata={"cups": 2})
    got = alice.client.get(added.headers["location"])
    assert got.status_code == 200
    assert got.headers["etag"] == added.headers["etag"]
    assert got.headers["etag"].startswith('"1-')
    cube = got.json()
    assert (cube["text"], cube["tags"], cube["metadata"]) == (
        "She likes tea.",
        ["drinks"],
        {"cups": 2},
    )
    assert cube["cube_id"] == added.json()["cube_id"]
    assert got.headers["cache-control"] == "no-store"


def test_bytes_come_and_go_in_base64(alice: Caller) -> None:
    picture = b64encode(b"\x89PNG").decode()
    added = add(alice, text=None, content=picture, media_type="image/png")
    got = alice.client.get(added.headers["location"]).json()
    assert (got["payload"], got["media_type"]) == (picture, "image/png")
    refused = alice.client.post(
        "/v1/memories", json={"scope": "acme", "content": "no base64!", "media_type": "image/png"}
    )
    check_problem(refused, 422, "invalid-input")


def test_who_has_the_version_already_is_sent_nothing(alice: Caller) -> None:
    added = add(alice)
    where, tag = added.headers["location"], added.headers["etag"]
    unchanged = alice.client.get(where, headers={"If-None-Match": tag})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["etag"] == tag
    alice.client.patch(where, json={"text": "More."}, headers={"If-Match": tag})
    changed = alice.client.get(where, headers={"If-None-Match": tag})
    assert changed.json()["text"] == "More."


def test_an_answer_that_has_changed_in_its_state_or_its_header_is_another_one(
    alice: Caller, served: Served
) -> None:
    added = add(alice)
    where, tag = added.headers["location"], added.headers["etag"]
    cube_id = added.json()["cube_id"]
    archived = alice.client.delete(where, headers={"If-Match": tag})
    asked = {"params": {"any_state": "true"}, "headers": {"If-None-Match": tag}}
    changed = alice.client.get(where, **asked)  # type: ignore[arg-type]
    assert (changed.status_code, changed.json()["state"]) == (200, "Archived")
    assert changed.headers["etag"] == archived.headers["etag"] != tag
    served.memory.as_actor("user:alice").restore(cube_id)
    restored = alice.client.get(where, headers={"If-None-Match": tag})
    assert (restored.status_code, restored.json()["version"]) == (200, 1)
    for old in (tag, archived.headers["etag"]):
        late = alice.client.patch(where, json={"text": "x"}, headers={"If-Match": old})
        assert check_problem(late, 412, "conflict")["current_version"] == 1
    current = {"If-Match": restored.headers["etag"]}
    assert alice.client.patch(where, json={"text": "x"}, headers=current).status_code == 200


@pytest.mark.parametrize(
    ("told", "status"),
    [
        (["{}"], 304),
        (["W/{}"], 304),
        (["*"], 304),
        (['"a,b", {}'], 304),
        ([',"a" ,, {},'], 304),
        (['"a"', "{}"], 304),
        (["zzz{}"], 200),
        (["{}zzz"], 200),
        (['"a" {}'], 200),
        (['"{}"'], 200),
        (['"a, {}'], 200),
        (["{}, *"], 200),
        (["w/{}"], 200),
        ([""], 200),
        (['"1"'], 200),
    ],
)
def test_if_none_match_is_a_list_of_tags(alice: Caller, told: list[str], status: int) -> None:
    added = add(alice)
    tag = added.headers["etag"]
    sent = [("If-None-Match", each.format(tag)) for each in told]
    got = alice.client.get(added.headers["location"], headers=sent)
    assert got.status_code == status


def test_a_write_has_to_say_of_which_version_it_is(alice: Caller) -> None:
    added = add(alice)
    where, tag = added.headers["location"], added.headers["etag"]
    check_problem(alice.client.patch(where, json={"text": "x"}), 428, "precondition-required")
    check_problem(alice.client.delete(where), 428, "precondition-required")
    check_problem(alice.client.post(f"{where}/restore"), 428, "precondition-required")
    changed = alice.client.patch(where, json={"text": "coffee"}, headers={"If-Match": tag})
    assert changed.json()["version"] == 2
    late = alice.client.patch(where, json={"text": "cocoa"}, headers={"If-Match": tag})
    assert check_problem(late, 412, "conflict")["current_version"] == 2
    assert alice.client.get(where).json()["text"] == "coffee"


@pytest.mark.parametrize(
    "tag", ["2", 'W/"2"', '"two"', '"2", "3"', '""', "", "**", '"2-XYZ"', '"1-00"']
)
def test_a_precondition_that_is_none_is_refused(alice: Caller, tag: str) -> None:
    where = add(alice).headers["location"]
    refused = alice.client.patch(where, json={"text": "x"}, headers={"If-Match": tag})
    check_problem(refused, 400, "malformed")


def test_a_version_alone_or_whatever_is_there_may_be_expected(alice: Caller) -> None:
    where = add(alice).headers["location"]
    for expected in ('"1"', "*"):
        changed = alice.client.patch(where, json={"text": expected}, headers={"If-Match": expected})
        assert changed.status_code == 200
    check_problem(alice.client.delete(where, headers={"If-Match": '"1"'}), 412, "conflict")


def test_the_version_of_another_history_is_another_one(alice: Caller) -> None:
    added = add(alice)
    forged = f'"1-{"0" * 32}-0:0"'
    where = added.headers["location"]
    refused = alice.client.patch(where, json={"text": "x"}, headers={"If-Match": forged})
    assert check_problem(refused, 412, "conflict")["current_version"] == 1
    check_problem(alice.client.delete(where, headers={"If-Match": forged}), 412, "conflict")


def test_a_deleted_memory_is_out_of_sight_until_it_is_restored(alice: Caller) -> None:
    added = add(alice)
    where = added.headers["location"]
    archived = alice.client.delete(where, headers={"If-Match": added.headers["etag"]})
    assert archived.status_code == 200
    check_problem(alice.client.get(where), 404, "not-found")
    assert alice.client.get(where, params={"any_state": "true"}).json()["state"] == "Archived"
    tag = archived.headers["etag"]
    assert alice.client.post(f"{where}/restore", headers={"If-Match": tag}).status_code == 200
    assert alice.client.get(where).json()["state"] == "Activated"


def test_a_request_that_is_sent_again_has_one_effect(alice: Caller, served: Served) -> None:
    key = {"Idempotency-Key": '"8e03978e-40d5-43dd-bc93-6894a57f9324"'}
    sent = {"text": "Once.", "scope": "acme/once"}
    first, again = (alice.client.post("/v1/memories", json=sent, headers=key) for _ in range(2))
    assert first.json() == again.json()
    assert first.headers["etag"] == again.headers["etag"]
    assert served.memory.count(scope="acme/once") == 1
    other = {"text": "Twice.", "scope": "acme/once"}
    refused = alice.client.post("/v1/memories", json=other, headers=key)
    check_problem(refused, 422, "other-content")
    where = first.headers["location"]
    change, by = {"text": "Changed."}, {"If-Match": "*", "Idempotency-Key": "change"}
    changed, once = (alice.client.patch(where, json=change, headers=by) for _ in range(2))
    assert changed.json() == once.json()
    assert changed.json()["version"] == 2


def test_an_idempotency_key_is_its_actors_alone(alice: Caller, served: Served) -> None:
    bob = served.caller("user:bob")
    sent = {"text": "Alice's own.", "scope": "acme/keys", "readers": ["user:alice"]}
    key = {"Idempotency-Key": "shared"}
    made = alice.client.post("/v1/memories", json=sent, headers=key).json()
    other = bob.client.post("/v1/memories", json=sent, headers=key)
    assert other.status_code == 201
    assert other.json()["cube_id"] != made["cube_id"]
    mallory = served.caller("user:alice", tenant="globex")
    elsewhere = mallory.client.post(
        "/v1/memories", json={**sent, "scope": "globex/keys"}, headers=key
    )
    assert elsewhere.status_code == 201


@pytest.mark.parametrize("key", ["", '""', "x" * 256, "tab\there"])
def test_an_idempotency_key_that_is_none_is_refused(alice: Caller, key: str) -> None:
    sent = {"text": "x", "scope": "acme"}
    refused = alice.client.post("/v1/memories", json=sent, headers={"Idempotency-Key": key})
    check_problem(refused, 400, "malformed")


def test_a_route_that_keeps_no_keys_says_so(alice: Caller) -> None:
    where = add(alice).headers["location"]
    headers = {"If-Match": "*", "Idempotency-Key": "k"}
    check_problem(alice.client.delete(where, headers=headers), 400, "no-idempotency-key")
    erase = alice.client.post("/v1/erasures", json={"subject": "x"}, headers=headers)
    check_problem(erase, 400, "no-idempotency-key")


def test_pages_follow_each_other_by_a_cursor_which_the_last_one_has_not(alice: Caller) -> None:
    made = [add(alice, text=f"Page {n}.", scope="acme/pages").json()["cube_id"] for n in range(5)]
    seen: list[str] = []
    asked: dict[str, str | int] = {"scope": "acme/pages", "limit": 2, "order": "oldest"}
    page = alice.client.get("/v1/memories", params=asked).json()
    seen += [cube["cube_id"] for cube in page["memories"]]
    while "next" in page:
        page = alice.client.get("/v1/memories", params={**asked, "cursor": page["next"]}).json()
        seen += [cube["cube_id"] for cube in page["memories"]]
    assert seen == made
    asked["cursor"] = "WzEsMl0"
    check_problem(alice.client.get("/v1/memories", params=asked), 422, "invalid-input")


def test_a_list_is_filtered_by_a_json_object(alice: Caller) -> None:
    add(alice, scope="acme/filters", tags=["red"])
    add(alice, scope="acme/filters", tags=["blue"])
    params = {"scope": "acme/filters", "filter": '{"tags": "red"}'}
    (found,) = alice.client.get("/v1/memories", params=params).json()["memories"]
    assert found["tags"] == ["red"]
    for wrong in ("[1]", "{", "1", '{"nothing": 1}', "[" * 15_000):
        refused = alice.client.get("/v1/memories", params={**params, "filter": wrong})
        check_problem(refused, 422, "invalid-input")


@pytest.mark.parametrize(
    "query", ["limits=1", "limit=1&limit=2", "limit=x", "order=best", "limit=0"]
)
def test_a_parameter_that_does_not_fit_is_an_error(alice: Caller, query: str) -> None:
    check_problem(alice.client.get(f"/v1/memories?{query}"), 422, "invalid-input")
    several = alice.client.get("/v1/memories?scope=acme/a&scope=acme/b&state=Archived")
    assert several.status_code == 200


def test_what_was_erased_is_gone(alice: Caller, served: Served) -> None:
    added = add(alice)
    served.memory.erase(cube_id=added.json()["cube_id"])
    check_problem(alice.client.get(added.headers["location"]), 410, "erased")


def test_a_key_reaches_its_tenant_and_its_scopes_alone(served: Served, alice: Caller) -> None:
    secret = add(alice, text="Of acme.", scope="acme/private").json()["cube_id"]
    foreign = served.caller("user:mallory", tenant="globex")
    narrow = served.caller("user:alice", scopes=["acme/public"])
    absent = "00000000-0000-0000-0000-000000000000"
    for caller in (foreign, narrow):
        refused = caller.client.get(f"/v1/memories/{secret}")
        none = caller.client.get(f"/v1/memories/{absent}")
        check_problem(refused, 404, "not-found")
        assert refused.json()["detail"].replace(secret, absent) == none.json()["detail"]
        changed = caller.client.patch(
            f"/v1/memories/{secret}",
            json={"text": "x"},
            headers={"If-Match": f'"1-{"0" * 32}-0:0"'},
        )
        check_problem(changed, 404, "not-found")


def test_a_key_does_no_more_than_its_actions(served: Served) -> None:
    reader = served.caller("user:alice", actions=["read"])
    refused = reader.client.post("/v1/memories", json={"text": "x", "scope": "acme"})
    check_problem(refused, 403, "denied")
    assert reader.client.get("/v1/memories").status_code == 200


def test_two_servers_on_one_vault_show_each_others_memories_at_once(
    served: Served, alice: Caller
) -> None:
    with Memory(served.memory.path, actor="user:root") as memory, Served(memory) as other:
        there = other.client(**alice.headers)
        for n in range(20):
            mine, theirs = (alice.client, there) if n % 2 else (there, alice.client)
            sent = {"text": f"Number {n}.", "scope": "acme/two"}
            added = mine.post("/v1/memories", json=sent)
            got = theirs.get(added.headers["location"])
            assert got.json()["text"] == f"Number {n}."
            tag = {"If-Match": got.headers["etag"]}
            where = added.headers["location"]
            answers = [
                client.patch(where, json={"text": "x"}, headers=tag).status_code
                for client in (mine, theirs)
            ]
            assert answers == [200, 412]


def test_a_key_that_would_be_kept_nowhere_is_refused_by_every_route(alice: Caller) -> None:
    headers = {"Idempotency-Key": "k"}
    asked = {"query": "x", "scope": "acme"}
    for refused in (
        alice.client.post("/v1/search", json=asked, headers=headers),
        alice.client.post("/v1/context", json=asked, headers=headers),
        alice.client.get("/v1/memories", headers=headers),
        alice.client.get("/v1/events", headers=headers),
    ):
        check_problem(refused, 400, "no-idempotency-key")
