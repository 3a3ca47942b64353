"""What mem0's client is refused, in errors of its own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memos import Memory
from memos.interface.http.rate_limit import Rate
from memos.interface.http.settings import HttpSettings
from tests.interface.http.mem0.clients import Clients, first_id, texts
from tests.interface.http.served import Served, check_problem

ABSENT: dict[str, Callable[[Any], object]] = {
    "users": lambda c: c.users(),
    "delete_users": lambda c: c.delete_users(user_id="a b/c"),
    "reset": lambda c: c.reset(),
    "create_memory_export": lambda c: c.create_memory_export("{}"),
    "get_memory_export": lambda c: c.get_memory_export(user_id="alice"),
    "get_summary": lambda c: c.get_summary(),
    "get_profile": lambda c: c.get_profile("a/b"),
    "generate_profile": lambda c: c.generate_profile("alice"),
    "get_profile_settings": lambda c: c.get_profile_settings(),
    "update_profile_settings": lambda c: c.update_profile_settings(enabled=True),
    "sample_profiles": lambda c: c.sample_profiles(),
    "get_profile_job": lambda c: c.get_profile_job("7"),
    "get_project": lambda c: c.get_project(),
    "update_project": lambda c: c.update_project(custom_instructions="x"),
    "get_webhooks": lambda c: c.get_webhooks("p"),
    "create_webhook": lambda c: c.create_webhook("http://x", "n", "p", []),
    "update_webhook": lambda c: c.update_webhook(7, name="n"),
    "delete_webhook": lambda c: c.delete_webhook(7),
    "feedback": lambda c: c.feedback("id", "POSITIVE"),
    "project.get": lambda c: c.project.get(),
    "project.create": lambda c: c.project.create("n"),
    "project.update": lambda c: c.project.update(custom_instructions="x"),
    "project.delete": lambda c: c.project.delete(),
    "project.get_members": lambda c: c.project.get_members(),
    "project.add_member": lambda c: c.project.add_member("a@example.org"),
    "project.update_member": lambda c: c.project.update_member("a@example.org", "READER"),
    "project.remove_member": lambda c: c.project.remove_member("a@example.org"),
}
"""What the client can call besides, each as it is called."""

NAMED_AS = {"reset": "users"}
"""The call that another one begins with."""


@pytest.mark.parametrize("name", ABSENT)
def test_a_call_that_is_not_there_is_refused_by_its_name(
    client: Any, clients: Clients, name: str
) -> None:
    with pytest.raises(clients.mem0.exceptions.MemoryError) as refused:
        ABSENT[name](client)
    assert refused.value.error_code == "HTTP_501"
    assert refused.value.details["type"] == "urn:memos:problem:not-implemented"
    assert NAMED_AS.get(name, name) in refused.value.message


@pytest.mark.parametrize(
    "asked",
    [
        lambda c: c.add("x"),
        lambda c: c.add("x", user_id="a b"),
        lambda c: c.add("x", user_id="a", custom_categories=[{"food": "what is eaten"}]),
        lambda c: c.add("x", user_id="a", timestamp=1e300),
        lambda c: c.add("x", user_id="a", expiration_date="soon"),
        lambda c: c.add("x", filters={"OR": [{"user_id": "a"}]}),
        lambda c: c.search("x", filters={"metadata": {"n": 1}}),
        lambda c: c.search("x", filters={"user_id": "a", "categories": {"in": ["food"]}}),
        lambda c: c.search("x", filters={"user_id": "a", "n": 1}),
        lambda c: c.search("x", filters={"user_id": "a", "metadata": "n"}),
        lambda c: c.search("x", filters={"user_id": "a", "created_at": {"near": "now"}}),
        lambda c: c.search("x", filters=nested(200)),
        lambda c: c.search("x", filters={"user_id": "a"}, threshold=2),
        lambda c: c.search("x", filters={"user_id": "a"}, top_k=0),
        lambda c: c.search("x", filters={"user_id": "a"}, rerank=True),
        lambda c: c.get_all(),
        lambda c: c.get_all(filters={"user_id": "a"}, page=0),
        lambda c: c.get_all(filters={"user_id": "a"}, page_size=201),
        lambda c: c.get("mem_1"),
        lambda c: c.update("mem_1", text="x"),
        lambda c: c.delete_all(),
        lambda c: c.delete_all(filters={"OR": [{"user_id": "a"}]}),
        lambda c: c.delete_all(user_id="a", metadata={"n": 1}),
        lambda c: c.batch_update([]),
        lambda c: c.batch_update([{"memory_id": "mem_1"}]),
        lambda c: c.batch_delete([{"memory_id": "mem_1", "user_id": "a"}]),
        lambda c: c.batch_delete([{}] * 1001),
    ],
)
def test_what_does_not_fit_is_a_validation_error_that_says_why(
    client: Any, clients: Clients, asked: Callable[[Any], object]
) -> None:
    with pytest.raises(clients.mem0.exceptions.ValidationError) as refused:
        asked(client)
    assert refused.value.details["type"] == "urn:memos:problem:invalid-input"
    assert refused.value.message == refused.value.details["detail"]


def nested(depth: int) -> dict[str, Any]:
    filters: dict[str, Any] = {"user_id": "a"}
    for _ in range(depth):
        filters = {"AND": [filters]}
    return filters


def test_what_is_not_there_is_a_memory_not_found_error(client: Any, clients: Clients) -> None:
    absent = "01a22f69-0c6a-71db-a074-d86cab0ed154"
    for asked in (client.get, client.delete, client.history):
        with pytest.raises(clients.mem0.exceptions.MemoryNotFoundError, match=absent):
            asked(absent)
    with pytest.raises(clients.mem0.exceptions.MemoryNotFoundError, match=absent):
        client.update(absent, text="x")
    with pytest.raises(clients.mem0.exceptions.MemoryNotFoundError):
        client.get("a/b?c")


def test_memories_lie_below_the_first_scope_of_the_key_and_no_other_key_meets_them(
    clients: Clients,
) -> None:
    scopes = ["acme/team", "acme/zoo"]
    with clients.client(scopes=scopes) as mine, clients.client(tenant="globex") as other:
        assert (mine.org_id, mine.project_id, mine.user_email) == ("acme", "acme/team", None)
        added = first_id(mine.add("Ours", user_id="alice"))
        assert texts(mine.get_all(filters={"user_id": "*"})) == {"Ours"}
        assert not texts(other.get_all(filters={"user_id": "*"}))
        with pytest.raises(clients.mem0.exceptions.MemoryNotFoundError):
            other.get(added)
        with pytest.raises(clients.mem0.exceptions.MemoryNotFoundError):
            other.delete(added)
        other.delete_all(user_id="*")
        assert mine.get(added)["memory"] == "Ours"


def test_a_key_that_only_reads_writes_nothing(clients: Clients, client: Any) -> None:
    added = first_id(client.add("Read me", user_id="reader"))
    with clients.client(actions=["read"]) as reader:
        assert reader.get(added)["memory"] == "Read me"
        with pytest.raises(clients.mem0.exceptions.AuthenticationError):
            reader.add("No", user_id="reader")
        with pytest.raises(clients.mem0.exceptions.AuthenticationError):
            reader.delete(added)
        with pytest.raises(clients.mem0.exceptions.AuthenticationError):
            reader.delete_all(user_id="reader")
    assert client.get(added)["memory"] == "Read me"


def test_a_key_that_is_not_good_makes_no_client(clients: Clients) -> None:
    with pytest.raises(ValueError, match="no API key"), clients.client("m0-abc"):
        pass
    with pytest.raises(ValueError, match="no API key"):
        clients.mem0.AsyncMemoryClient(api_key="m0-abc", host=clients.served.address)


def test_too_many_requests_are_a_rate_limit_error_that_says_when(tmp_path: Path, mem0: Any) -> None:
    settings = HttpSettings(rate=Rate(refill=0.001, burst=1))
    with (
        Memory(tmp_path / "v", actor="user:root") as memory,
        Served(memory, settings) as server,
        Clients(mem0, server).client() as eager,
        pytest.raises(mem0.exceptions.RateLimitError) as refused,
    ):
        eager.get_all(filters={"user_id": "alice"})
    assert 0 < refused.value.debug_info["retry_after"] <= 1000


def test_tokens_are_for_mem0s_paths_alone(clients: Clients) -> None:
    key = clients.key()
    asked = clients.served.client(Authorization=f"Token {key}")
    check_problem(asked.get("/v1/memories"), 401, "unauthenticated")
    check_problem(asked.post("/v1/search", json={}), 401, "unauthenticated")
    assert asked.get("/v1/ping/").status_code == 200
    bearer = clients.served.client(Authorization=f"Bearer {key}")
    assert bearer.get("/v1/ping/").json()["org_id"] == "acme"


def test_who_sends_no_key_has_no_scope_to_store_below(tmp_path: Path) -> None:
    with (
        Memory(tmp_path / "v", actor="user:me") as memory,
        Served(memory, HttpSettings(anonymous=True)) as server,
    ):
        refused = server.client().get("/v1/ping/")
        assert refused.status_code == 422
        assert "send one" in refused.json()["detail"]
