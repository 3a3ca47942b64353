"""The web application of docs/, served by a real uvicorn and asked by many at once."""

from __future__ import annotations

import asyncio
import json
import ssl
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn

from memos import Memory
from tests.waiting import wait_until

EXAMPLES = Path(__file__).resolve().parents[2] / "docs" / "examples"
AT_ONCE = 50
SECONDS = 30
ACTORS = {
    "alice-1": {"actor": "user:alice", "tenant": "acme"},
    "bob-2": {"actor": "user:bob", "tenant": "acme"},
    "mallory-3": {"actor": "user:mallory", "tenant": "globex"},
}
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""What is not asked for need not be read from files, at every client."""
ALICE, BOB, MALLORY = ({"Authorization": f"Bearer {token}"} for token in ACTORS)


class Server:
    """The application, served in a thread on a port of its own."""

    def __init__(self) -> None:
        sys.modules.pop("web_app", None)  # each server has an application of its own
        self._server = uvicorn.Server(uvicorn.Config("web_app:app", port=0, log_level="warning"))
        self._thread = threading.Thread(target=self._server.run)

    def start(self) -> str:
        """Serve; the address."""
        self._thread.start()
        wait_until(lambda: self._server.started or not self._thread.is_alive(), every=0.01)
        assert self._server.started, "the application did not start"
        port = self._server.servers[0].sockets[0].getsockname()[1]
        return f"http://127.0.0.1:{port}"

    def ask_to_end(self) -> None:
        """What a signal does: requests end first, then the lifespan."""
        self._server.should_exit = True

    def stop(self) -> None:
        """End, and wait for it."""
        self.ask_to_end()
        self._thread.join(SECONDS)
        assert not self._thread.is_alive(), "the application does not end"


@pytest.fixture(scope="module")
def vault(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A vault of its administrator's, whom the application does not act as."""
    path = tmp_path_factory.mktemp("web") / "team.vault"
    Memory(path, actor="user:root").close()
    return path


@pytest.fixture(scope="module")
def address(vault: Path) -> Iterator[str]:
    actors = vault.parent / "actors.json"
    actors.write_text(json.dumps(ACTORS))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MEMOS_VAULT", str(vault))
        patch.setenv("WEB_ACTORS", str(actors))
        patch.syspath_prepend(str(EXAMPLES))
        server = Server()
        try:
            yield server.start()
        finally:
            server.stop()


@pytest.fixture
def client(address: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=address, timeout=SECONDS, verify=NO_TLS) as client:
        yield client


def at_once(address: str, requests: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
    """Send requests at the same time, each on a connection of its own; their answers, in order."""

    async def send() -> list[httpx.Response]:
        limits = httpx.Limits(max_connections=len(requests))
        async with httpx.AsyncClient(
            base_url=address, timeout=SECONDS, limits=limits, verify=NO_TLS
        ) as client:
            asked = (client.request(method, url, **rest) for method, url, rest in requests)
            return await asyncio.gather(*asked)

    return asyncio.run(send())


def add(client: httpx.Client, text: str, headers: dict[str, str] = ALICE, **rest: Any) -> Any:
    answer = client.post("/memories", headers=headers, json={"text": text, **rest})
    assert answer.status_code == 201, answer.text
    return answer.json()


def add_until_it_ends(client: httpx.Client, kept: list[str]) -> None:
    while True:
        kept.append(add(client, f"Note {len(kept)}.")["id"])


def test_fifty_writers_at_once_are_each_answered_and_stored_under_their_own_actor(
    address: str, vault: Path
) -> None:
    writers = [ALICE, BOB]
    written = at_once(
        address,
        [
            (
                "POST",
                "/memories",
                {"headers": writers[n % 2], "json": {"text": f"Jar {n}.", "path": "jars"}},
            )
            for n in range(AT_ONCE)
        ],
    )
    assert Counter(answer.status_code for answer in written) == {201: AT_ONCE}
    ids = [answer.json()["id"] for answer in written]
    read = at_once(address, [("GET", f"/memories/{cube_id}", {"headers": BOB}) for cube_id in ids])
    assert [answer.json()["text"] for answer in read] == [f"Jar {n}." for n in range(AT_ONCE)]
    with Memory(vault, actor="user:root") as memory:
        for actor, first in (("user:alice", 0), ("user:bob", 1)):
            own = {entry.cube_id for entry in memory.events(actor=actor, scope="acme/jars")}
            assert own == set(ids[first::2])


def test_threads_and_the_event_loop_write_read_and_search_at_the_same_time(
    address: str, client: httpx.Client
) -> None:
    kept = add(client, "The kiln is electric.", path="mixed")["id"]
    kinds: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", "/memories", {"json": {"text": "The shelf is full.", "path": "mixed"}}),
        ("GET", "/search", {"params": {"q": "electric kiln", "path": "mixed"}}),
        ("PUT", f"/memories/{kept}", {"json": {"text": "The kiln is electric."}}),
        ("GET", "/memories", {"params": {"path": "mixed"}}),
        ("GET", f"/memories/{kept}", {}),
    ]
    asked = [
        (method, url, {**rest, "headers": ALICE})
        for method, url, rest in kinds * (AT_ONCE // len(kinds))
    ]
    answers = at_once(address, asked)
    assert Counter(answer.status_code for answer in answers) == {
        201: AT_ONCE // 5,
        200: AT_ONCE * 4 // 5,
    }
    assert all(answer.json()[0]["id"] == kept for answer in answers[1::5])
    page = client.get("/memories", params={"path": "mixed"}, headers=ALICE).json()
    assert len(page["memories"]) == 1 + AT_ONCE // 5
    assert client.get(f"/memories/{kept}", headers=ALICE).json()["version"] == 1 + AT_ONCE // 5


def test_fifty_requests_with_one_key_make_one_memory(address: str) -> None:
    headers = {**ALICE, "Idempotency-Key": "order-81"}
    asked = ("POST", "/memories", {"headers": headers, "json": {"text": "Tea.", "path": "orders"}})
    answers = at_once(address, [asked] * AT_ONCE)
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_of_fifty_updates_of_one_version_one_is_made_and_the_others_are_told_where_it_is(
    address: str, client: httpx.Client
) -> None:
    made = add(client, "Version 1.", path="race")
    headers = {**ALICE, "If-Match": "1"}
    answers = at_once(
        address,
        [
            ("PUT", f"/memories/{made['id']}", {"headers": headers, "json": {"text": f"By {n}."}})
            for n in range(AT_ONCE)
        ],
    )
    assert Counter(answer.status_code for answer in answers) == {200: 1, 409: AT_ONCE - 1}
    (winner,) = (n for n, answer in enumerate(answers) if answer.status_code == 200)
    lost = [answer.json() for answer in answers if answer.status_code == 409]
    assert {(told["error"], told["current_version"]) for told in lost} == {("Conflict", 2)}
    now = client.get(f"/memories/{made['id']}", headers=ALICE).json()
    assert now["text"] == f"By {winner}."


def test_a_caller_without_a_known_token_comes_to_nothing(client: httpx.Client) -> None:
    assert client.get("/search", params={"q": "tea"}).status_code == 401
    unknown = client.get("/search", params={"q": "tea"}, headers={"Authorization": "Bearer no"})
    assert unknown.status_code == 401


def test_another_tenants_memories_are_not_there(client: httpx.Client) -> None:
    made = add(client, "The safe is behind the mirror.", path="safe")
    for method in ("GET", "DELETE"):
        answer = client.request(method, f"/memories/{made['id']}", headers=MALLORY)
        assert (answer.status_code, answer.json()["error"]) == (404, "NotFound")
    assert client.get("/search", params={"q": "safe mirror"}, headers=MALLORY).json() == []
    assert client.get("/memories", headers=MALLORY).json() == {"memories": [], "cursor": None}


def test_what_memos_refuses_is_told_by_its_status(client: httpx.Client, vault: Path) -> None:
    made = add(client, "Hers alone.", path="refused")
    own = f"/memories/{made['id']}"
    with Memory(vault, actor="user:alice") as memory:
        memory.set_header(made["id"], readers=["user:alice"])
    assert client.get(own, headers=BOB).json()["error"] == "Denied"
    assert client.get(own, headers=BOB).status_code == 403

    empty = client.post("/memories", headers=ALICE, json={"text": " "})
    assert (empty.status_code, empty.json()["error"]) == (422, "InvalidInput")
    outside = client.post("/memories", headers=ALICE, json={"text": "Tea.", "path": "../globex"})
    assert outside.status_code == 422
    lost = client.get("/memories/no-such-id", headers=ALICE)
    assert (lost.status_code, lost.json()["error"]) == (422, "InvalidInput")
    unknown = client.get("/memories/00000000-0000-0000-0000-000000000000", headers=ALICE)
    assert (unknown.status_code, unknown.json()["error"]) == (404, "NotFound")

    key = {**ALICE, "Idempotency-Key": "once"}
    add(client, "First.", key, path="refused")
    other = client.post("/memories", headers=key, json={"text": "Second.", "path": "refused"})
    assert (other.status_code, other.json()["error"]) == (409, "OtherContent")

    with Memory(vault, actor="user:root") as memory:
        memory.hold(made["id"])
    held = client.delete(own, params={"erase": True}, headers=ALICE)
    assert (held.status_code, held.json()["error"]) == (409, "Held")


def test_what_is_deleted_is_out_of_sight_and_what_is_erased_is_gone(client: httpx.Client) -> None:
    archived = add(client, "A draft on glazes.", path="gone")["id"]
    assert client.delete(f"/memories/{archived}", headers=ALICE).status_code == 204
    assert client.get(f"/memories/{archived}", headers=ALICE).status_code == 404
    key = {**ALICE, "Idempotency-Key": "gone-1"}
    erased = add(client, "Her number is 4711.", key, path="gone")["id"]
    gone = client.delete(f"/memories/{erased}", params={"erase": True}, headers=ALICE)
    assert gone.status_code == 204
    assert client.get(f"/memories/{erased}", headers=ALICE).status_code == 410
    again = client.post(
        "/memories", headers=key, json={"text": "Her number is 4711.", "path": "gone"}
    )
    assert (again.status_code, again.json()["error"]) == (410, "AlreadyErased")


def test_a_server_that_ends_answers_what_it_began_and_leaves_a_vault_that_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "actors.json").write_text(json.dumps(ACTORS))
    monkeypatch.setenv("MEMOS_VAULT", str(tmp_path / "team.vault"))
    monkeypatch.setenv("WEB_ACTORS", str(tmp_path / "actors.json"))
    monkeypatch.syspath_prepend(str(EXAMPLES))
    server = Server()
    address = server.start()
    with httpx.Client(base_url=address, timeout=SECONDS, verify=NO_TLS) as client:
        kept = [add(client, "Note 0.")["id"]]
        client.get(f"/memories/{kept[0]}", headers=BOB)
        ending = threading.Timer(0.05, server.ask_to_end)
        ending.start()
        with pytest.raises(httpx.TransportError):
            add_until_it_ends(client, kept)
    ending.join()
    server.stop()
    with Memory(tmp_path / "team.vault", actor="service:web", create=False) as memory:
        assert memory.verify().ok
        assert {cube.cube_id for cube in memory.list(limit=10_000)} >= set(kept)
        assert {read.actor for read in memory.accesses(cube_id=kept[0])} >= {"user:bob"}
