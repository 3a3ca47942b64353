"""mem0's client, unchanged, on a vault: adding, finding, changing."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sybil import Sybil
from sybil.parsers.markdown import PythonCodeBlockParser

from memos import MemCube
from tests.interface.http.mem0.clients import Clients, first_id, texts
from tests.interface.http.served import cube_of

PAGE = Path(__file__).resolve().parents[4] / "docs" / "compat.md"


def test_what_is_added_is_found_listed_and_got(client: Any) -> None:
    added = client.add("I like pottery", user_id="alice", metadata={"kind": "craft"})
    assert added["status"] == "SUCCEEDED"
    assert added["results"][0]["data"] == {"memory": "I like pottery"}
    client.add("I sail", user_id="bob")
    got = client.get(first_id(added))
    assert (got["memory"], got["user_id"], got["metadata"]) == (
        "I like pottery",
        "alice",
        {"kind": "craft"},
    )
    (found,) = client.search("pottery", filters={"user_id": "alice"})["results"]
    assert found.pop("score") > 0.5
    assert found == got
    page = client.get_all(filters={"user_id": "alice"})
    assert page == {"count": 1, "next": None, "previous": None, "results": [got]}


def test_entities_are_scopes_below_the_tenant_named_beside_filters_or_in_them(
    client: Any, clients: Clients
) -> None:
    beside = client.add("Beside", user_id="carol", run_id="7")
    within = client.add("Within", filters={"user_id": "carol", "run_id": "7"})
    for added in (beside, within):
        assert cube_of(clients.vault, first_id(added)).scope == "acme/user:carol/run:7"
    found = client.get_all(filters={"AND": [{"user_id": "carol"}, {"run_id": "7"}]})
    assert texts(found) == {"Beside", "Within"}
    assert {each["session_id"] for each in found["results"]} == {"7"}
    with pytest.raises(clients.mem0.exceptions.ValidationError, match="name it once"):
        client.add("Twice", user_id="carol", filters={"user_id": "dave"})


def test_pages_follow_one_another_the_newest_first(client: Any) -> None:
    client.add([{"role": "user", "content": f"Number {n}"} for n in range(5)], user_id="pages")
    asked = {"filters": {"user_id": "pages"}, "fields": ["memory"], "page_size": 2}
    pages = [client.get_all(page=number, **asked) for number in (1, 2, 3, 4)]
    told = [each["memory"] for page in pages for each in page["results"]]
    assert sorted(told) == [f"Number {n}" for n in range(5)]
    assert [len(page["results"]) for page in pages] == [2, 2, 1, 0]
    assert {page["count"] for page in pages} == {5}
    assert [page["next"] is None for page in pages] == [False, False, True, True]
    assert pages[0]["previous"] is None
    assert pages[1]["next"] == "/v3/memories/?page=3&page_size=2"


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ({"metadata": {"kind": "a"}}, {"One tea"}),
        ({"metadata": {"kind": {"ne": "a"}}}, {"Two tea", "Three tea"}),
        ({"NOT": {"metadata": {"kind": "a"}}}, {"Two tea", "Three tea"}),
        (
            {"OR": [{"metadata": {"kind": "a"}}, {"metadata": {"kind": "b"}}]},
            {"One tea", "Two tea"},
        ),
        ({"metadata": {"created_at": "x"}}, {"Three tea"}),
        ({"keywords": {"icontains": "ONE"}}, {"One tea"}),
        ({"created_at": {"gte": "2026-01-01"}}, {"One tea", "Two tea", "Three tea"}),
        ({"created_at": {"lt": "2026-01-01"}}, set()),
        ({"agent_id": "*"}, {"Two tea"}),
    ],
)
def test_filters_of_the_platform(
    client: Any, filtered: None, condition: dict[str, Any], wanted: set[str]
) -> None:
    filters = {"AND": [{"user_id": "filtered"}, condition]}
    assert texts(client.get_all(filters=filters)) == wanted
    assert texts(client.search("tea", filters=filters)) == wanted


@pytest.fixture(scope="module")
def filtered(client: Any) -> None:
    client.add("One tea", user_id="filtered", metadata={"kind": "a"})
    client.add("Two tea", user_id="filtered", agent_id="bot", metadata={"kind": "b"})
    client.add("Three tea", user_id="filtered", metadata={"kind": "c", "created_at": "x"})


def test_memories_are_named_by_ids_by_days_and_by_metadata_beside_filters(
    client: Any, filtered: None
) -> None:
    everything = client.get_all(filters={"user_id": "filtered"})
    one = next(each for each in everything["results"] if each["memory"] == "One tea")
    by_id = {"AND": [{"user_id": "filtered"}, {"memory_ids": [one["id"]]}]}
    assert client.get_all(filters=by_id)["results"] == [one]
    today = datetime.now(UTC).date()
    days = {"start_date": str(today - timedelta(1)), "end_date": str(today + timedelta(1))}
    assert client.get_all(filters={"user_id": "filtered"}, **days)["count"] == 3
    assert client.get_all(filters={"user_id": "filtered"}, end_date="2026-01-01")["count"] == 0
    found = client.search("tea", filters={"user_id": "filtered"}, metadata={"kind": "b"})
    assert texts(found) == {"Two tea"}


def test_what_expired_is_shown_to_who_asks_for_it(client: Any) -> None:
    added = client.add("The sale ends", user_id="sale", expiration_date="2001-01-01")
    filters = {"user_id": "sale"}
    assert client.get_all(filters=filters)["count"] == 0
    assert texts(client.search("sale", filters=filters, show_expired=True)) == {"The sale ends"}
    client.update(first_id(added), expiration_date=None)
    assert client.get_all(filters=filters)["count"] == 1
    client.batch_update(
        [{"memory_id": first_id(added), "metadata": {"expiration_date": "2001-01-01"}}]
    )
    assert client.get_all(filters=filters)["count"] == 0
    assert client.get_all(filters=filters, show_expired=True)["count"] == 1
    client.update(first_id(added), expiration_date="2999-01-01")
    assert client.get_all(filters=filters)["count"] == 1


def test_a_time_in_seconds_is_when_it_was_true(client: Any, clients: Clients) -> None:
    added = first_id(client.add("She lives in Rome", user_id="moves", timestamp=1_700_000_000))
    assert cube_of(clients.vault, added).valid_from == datetime.fromtimestamp(1_700_000_000, UTC)
    client.update(added, text="She lives in Oslo", timestamp="2024-05-01")
    assert cube_of(clients.vault, added).valid_from == datetime(2024, 5, 1, tzinfo=UTC)
    filters = {"user_id": "moves"}
    assert texts(client.search("lives", filters=filters, reference_date="2024-06-01"))
    assert not texts(client.search("lives", filters=filters, reference_date=1_600_000_000))


def test_an_update_answers_with_the_memory_and_keeps_what_it_does_not_name(client: Any) -> None:
    added = first_id(client.add("Draft", user_id="writer", metadata={"a": 1, "b": 2}))
    updated = client.update(added, text="Final", metadata={"b": 3, "user_id": "thief"})
    assert updated == client.get(added)
    assert (updated["memory"], updated["metadata"]) == ("Final", {"a": 1, "b": 3})
    assert updated["user_id"] == "writer"


def test_what_is_deleted_is_gone_for_the_client_and_the_vault_brings_it_back(
    client: Any, clients: Clients
) -> None:
    added = first_id(client.add("Keep me", user_id="undo"))
    client.update(added, text="Keep me still")
    assert client.delete(added, delete_linked=True)["cascade_count"] == 0
    with pytest.raises(clients.mem0.exceptions.MemoryNotFoundError):
        client.get(added)
    rows = client.history(added)
    assert [row["event"] for row in rows] == ["ADD", "UPDATE", "DELETE"]
    assert {row["user_id"] for row in rows} == {"undo"}
    clients.vault.restore(added)
    assert client.get(added)["memory"] == "Keep me still"


def test_all_of_an_entity_are_deleted_and_nobody_elses(client: Any, clients: Clients) -> None:
    for user in ("x", "y", "z"):
        client.add("Mine", user_id=user, agent_id="sweeper")
    client.delete_all(user_id="x")
    options = clients.mem0.client.types.DeleteAllMemoryOptions(filters={"user_id": "y"})
    client.delete_all(options)
    left = client.get_all(filters={"agent_id": "sweeper"})
    assert [each["user_id"] for each in left["results"]] == ["z"]
    client.add("Not a sweeper's", user_id="x")
    client.delete_all(agent_id="*")
    assert client.get_all(filters={"agent_id": "sweeper"})["count"] == 0
    assert client.get_all(filters={"user_id": "x"})["count"] == 1


def test_a_batch_is_done_whole_or_not_at_all(client: Any, clients: Clients) -> None:
    one, two = (first_id(client.add(text, user_id="batch")) for text in ("One", "Two"))
    told = client.batch_update(
        [{"memory_id": one, "text": "First"}, {"memory_id": two, "metadata": {"n": 2}}]
    )
    assert told == {"message": "Successfully updated 2 memories"}
    assert [client.get(each)["memory"] for each in (one, two)] == ["First", "Two"]
    assert client.get(two)["metadata"] == {"n": 2}
    absent = "01a22f69-0c6a-71db-a074-d86cab0ed154"
    with pytest.raises(clients.mem0.exceptions.MemoryNotFoundError):
        client.batch_update([{"memory_id": one, "text": "No"}, {"memory_id": absent, "text": "No"}])
    with pytest.raises(clients.mem0.exceptions.MemoryNotFoundError):
        client.batch_delete([{"memory_id": one}, {"memory_id": absent}])
    assert client.get(one)["memory"] == "First"
    told = client.batch_delete([{"memory_id": each} for each in (one, two, one)])
    assert told == {"message": "Successfully deleted 3 memories"}
    assert client.get_all(filters={"user_id": "batch"})["count"] == 0


def test_other_doors_see_the_same_memories(client: Any, clients: Clients) -> None:
    client.add("Seen everywhere", user_id="doors")
    (hit,) = clients.vault.search("everywhere", scope="acme/user:doors")
    assert hit.text == "Seen everywhere"
    receipt = clients.vault.add("Added by the vault", scope="acme/user:doors")
    assert texts(client.get_all(filters={"user_id": "doors"})) == {
        "Seen everywhere",
        "Added by the vault",
    }
    found = clients.vault.get(receipt.cube_id)
    assert isinstance(found, MemCube)
    assert client.get(receipt.cube_id)["user_id"] == "doors"


def test_the_lines_of_the_page_run_as_they_stand(
    clients: Clients, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KEY", clients.key(tenant="page"))
    monkeypatch.setenv("URL", clients.served.address)
    page = Sybil(parsers=[PythonCodeBlockParser()], encoding="utf-8").parse(PAGE)
    (example,) = [each for each in page.examples() if "MemoryClient(" in each.parsed.text]
    example.evaluate()
    page.namespace["client"].client.close()
    assert clients.vault.count(scope="page", state="Archived") == 1
