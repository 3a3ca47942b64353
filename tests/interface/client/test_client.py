"""A client gives what `Memory` gives: the same values, and the same errors."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from memos import (
    Conflict,
    Denied,
    Forgotten,
    Hit,
    InvalidInput,
    MemCube,
    Memory,
    MemosError,
    NotFound,
    StoreUnavailable,
    Unauthenticated,
)
from memos.interface.client.async_client import AsyncClient
from memos.interface.client.client import Client
from memos.interface.client.routes import ROUTES
from tests.interface.http.served import ALL_ACTIONS, Served
from tests.interface.odd import BEFORE, BEHIND
from tests.waiting import wait_until

SCOPE = "acme/alice"


def read(memory: Memory, cube_id: str) -> MemCube:
    cube = memory.get(cube_id, any_state=True)
    assert isinstance(cube, MemCube)
    return cube


@pytest.fixture(scope="module")
def key(served: Served) -> str:
    created = served.memory.create_api_key("user:root", tenant="acme", actions=ALL_ACTIONS)
    return created.key


@pytest.fixture(scope="module")
def client(served: Served, key: str) -> Iterator[Client]:
    with Client(served.address, api_key=key) as opened:
        yield opened


@pytest.fixture(scope="module")
def memory(served: Served, key: str) -> Memory:
    """The same caller, in the process."""
    return served.memory.as_api_key(key)


@pytest.fixture(scope="module")
def cube_id(client: Client) -> str:
    """A memory with everything that one can have, changed once."""
    receipt = client.add(
        "She likes pottery.",
        scope=SCOPE,
        source="chat/7",
        tags={"hobby"},
        metadata={"mood": "glad", "of": [1, None]},
        valid_from=datetime(2026, 1, 2, tzinfo=UTC),
        readers=["user:alice"],
        lifespan={"after": "90d", "renewed_by_access": True, "then": "erase"},
        semantic_type="fact",
        idempotency_key="made",
    )
    client.update(receipt.cube_id, "She likes pottery and tea.", expected_version=1)
    return receipt.cube_id


READS: dict[str, Callable[[Any, str], Any]] = {
    "get": lambda door, cube: door.get(cube),
    "get_version": lambda door, cube: door.get(cube, version=1),
    "list": lambda door, cube: door.list(scope=SCOPE, filter={"tags": "hobby"}),
    "search": lambda door, cube: door.search("pottery", scope=SCOPE, k=3),
    "context": lambda door, cube: door.context("pottery", scope=SCOPE),
    "stable_context": lambda door, cube: door.context("pottery", scope=SCOPE, stable=True),
    "history": lambda door, cube: door.history(cube),
    "diff": lambda door, cube: door.diff(cube, 1, 2),
    "lineage": lambda door, cube: door.lineage(cube),
    "rollback": lambda door, cube: door.rollback(cube, to_version=1, dry_run=True),
    "erase": lambda door, cube: door.erase(cube_id=cube, dry_run=True),
    "denials": lambda door, cube: door.denials(),
    "api_keys": lambda door, cube: door.api_keys("acme"),
    "verifier_key": lambda door, cube: door.verifier_key(),
}


@pytest.mark.parametrize("asked", READS.values(), ids=READS)
def test_a_read_gives_the_value_that_memory_gives(
    client: Client, memory: Memory, cube_id: str, asked: Callable[[Any, str], Any]
) -> None:
    here, afar = asked(memory, cube_id), asked(client, cube_id)
    assert type(afar) is type(here)
    assert _comparable(afar) == _comparable(here)
    for name in ("cursor", "damaged", "not_compared"):
        assert getattr(afar, name, None) == getattr(here, name, None)


def _comparable(value: Any) -> Any:
    """Reads count, so two of them differ by what was used between; explanations have their time."""
    match value:
        case list():
            return [_comparable(each) for each in value]
        case MemCube():
            return replace(value, uses=0, last_used=None)
        case Hit():
            return replace(value, explain=dict.fromkeys(value.explain))
        case _:
            return value


def test_a_write_has_the_effect_and_the_receipt(client: Client, memory: Memory) -> None:
    made = client.add("A kettle hums.", scope=SCOPE, content=None)
    assert read(memory, made.cube_id).text == "A kettle hums."
    assert client.add(scope=SCOPE, content=b"\x00\xff", media_type="image/x").version == 1
    archived = client.archive(made.cube_id, expected_version=1)
    assert read(memory, archived.cube_id).state == "Archived"
    client.restore(made.cube_id)
    assert read(memory, made.cube_id).state == "Activated"
    assert client.rollback(made.cube_id, to_version=1).changes
    receipt = client.erase(cube_id=made.cube_id)
    assert receipt.verify(client.verifier_key())
    assert client.get(made.cube_id) == Forgotten(made.cube_id)


def test_a_key_is_made_rotated_and_revoked_from_afar(client: Client, served: Served) -> None:
    made = client.create_api_key("user:bob", tenant="acme", name="laptop")
    with Client(served.address, api_key=made.key) as bob:
        bob.add("Bob was here.", scope="acme/bob")
        newer = client.rotate_api_key(made.api_key.key_id, tenant="acme", overlap=None)
        client.revoke_api_key(newer.api_key.key_id, tenant="acme")
    with Client(served.address, api_key=newer.key) as revoked, pytest.raises(Unauthenticated):
        revoked.get("0198c0de-0000-7000-8000-000000000000")


WHOLE_VAULT: dict[str, Callable[[Any, str], Any]] = {
    "prove": lambda door, event_id: door.prove(event_id),
    "verify": lambda door, event_id: door.verify(),
    "cuts": lambda door, event_id: door.cuts(),
    "api_keys": lambda door, event_id: door.api_keys(None),
}


def test_with_a_key_of_the_whole_vault_proofs_and_checks_are_those_of_the_process(
    served: Served,
) -> None:
    made = served.memory.create_api_key("user:root", tenant=None, actions=ALL_ACTIONS)
    whole = served.memory.as_api_key(made.key)
    event_id = whole.add("Of another tenant.", scope="globex/x").event_id
    with Client(served.address, api_key=made.key) as client:
        client.name_cut("with a key")
        for name, ask in WHOLE_VAULT.items():
            here, afar = ask(whole, event_id), ask(client, event_id)
            assert type(afar) is type(here), name
            assert afar == here, name
        assert client.prove(event_id).verify(client.verifier_key())
        reader = client.create_api_key("user:auditor", tenant=None, actions=["read"])
        with Client(served.address, api_key=reader.key) as auditor:
            assert auditor.prove(event_id) == whole.prove(event_id)
            assert auditor.verify() == whole.verify()
            with pytest.raises(Denied, match="action-boundary"):
                auditor.name_cut("not mine to name")
        newer = client.rotate_api_key(reader.api_key.key_id, tenant=None, overlap=None)
        client.revoke_api_key(newer.api_key.key_id, tenant=None)
        with Client(served.address, api_key=newer.key) as revoked, pytest.raises(Unauthenticated):
            revoked.verify()


ERRORS: dict[str, Callable[[Any, str], Any]] = {
    "no_such_memory": lambda door, cube: door.get("0198c0de-0000-7000-8000-000000000000"),
    "stale_version": lambda door, cube: door.update(cube, "x", expected_version=1),
    "no_such_scope": lambda door, cube: door.add("x", scope="//"),
    "another_tenant": lambda door, cube: door.add("x", scope="rival/x"),
    "unknown_filter": lambda door, cube: door.list(scope=SCOPE, filter={"colour": {"$odd": 1}}),
    "proof_of_a_tenant": lambda door, cube: door.prove(door.history(cube)[0].entry.event_id),
    "cut_of_a_tenant": lambda door, cube: door.name_cut("tea time"),
    "check_of_a_tenant": lambda door, cube: door.verify(),
    "keys_of_the_vault": lambda door, cube: door.api_keys(None),
    "key_of_the_vault": lambda door, cube: door.create_api_key("user:bob", tenant=None),
    "no_such_cut": lambda door, cube: door.get(cube, as_of="no such cut"),
}


@pytest.mark.parametrize("wrong", ERRORS.values(), ids=ERRORS)
def test_an_error_is_of_the_class_and_words_that_memory_raises(
    client: Client, memory: Memory, cube_id: str, wrong: Callable[[Any, str], Any]
) -> None:
    told = []
    for door in (memory, client):
        with pytest.raises(MemosError) as raised:
            wrong(door, cube_id)
        told.append((type(raised.value), str(raised.value), vars(raised.value)))
    assert told[0] == told[1]


def test_a_bulk_tells_what_became_of_each_item(client: Client) -> None:
    items = [{"text": f"note {number}", "scope": SCOPE} for number in range(3)]
    told = list(client.add_in_bulk([*items, {"text": "x", "scope": "//"}], idempotency_key="b"))
    assert [each.line for each in told] == [1, 2, 3, 4]
    assert [type(each.error) for each in told] == [type(None)] * 3 + [InvalidInput]
    again = list(client.add_in_bulk(items, idempotency_key="b"))
    assert [each.receipt for each in again] == [each.receipt for each in told[:3]]


def test_changes_are_followed_and_gone_on_with(client: Client) -> None:
    with ThreadPoolExecutor() as others:
        following = others.submit(next, client.changes(scope="acme/followed"))
        while not following.done():
            client.add("news", scope="acme/followed")
            time.sleep(0.05)
    change = following.result()
    assert change.entry.kind == "Generated"
    second = client.add("two", scope="acme/followed")
    later = client.changes(scope="acme/followed", since=change.id)
    assert any(each.entry.cube_id == second.cube_id for each in later)


def test_the_async_client_gives_the_same(served: Served, key: str, cube_id: str) -> None:
    async def asked() -> tuple[Any, ...]:
        async with AsyncClient(served.address, api_key=key) as client:
            cube = await client.get(cube_id)
            hits = await client.search("pottery", scope=SCOPE)
            bulk = [each async for each in client.add_in_bulk([{"text": "x", "scope": SCOPE}])]
            with pytest.raises(NotFound):
                await client.history("0198c0de-0000-7000-8000-000000000000")
            with pytest.raises(Conflict):
                await client.update(cube_id, "x", expected_version=1)
            changes = client.changes(scope="acme/awaited")
            following = asyncio.ensure_future(anext(changes))
            while not following.done():
                await client.add("news", scope="acme/awaited")
                await asyncio.sleep(0.05)
            return cube, hits, bulk, following.result()

    cube, hits, bulk, change = asyncio.run(asked())
    assert (cube.cube_id, hits[0].cube_id) == (cube_id, cube_id)
    assert (bulk[0].receipt.version, change.entry.scope) == (1, "acme/awaited")


def test_both_clients_have_every_route_and_memorys_signatures() -> None:
    for name in ROUTES:
        of_memory = inspect.signature(getattr(Memory, name))
        for kind in (Client, AsyncClient):
            assert inspect.signature(getattr(kind, name)) == of_memory


def test_what_cannot_be_sent_is_refused_here(client: Client) -> None:
    with pytest.raises(InvalidInput, match="count_tokens"):
        client.context("pottery", scope=SCOPE, count_tokens=len)
    with pytest.raises(InvalidInput, match="progress"):
        client.verify(progress=lambda done, total: None)


@pytest.mark.parametrize(
    "address", ["", "team.vault", "ftp://x", "http://user:secret@x", "http://x?key=memos_x", 7]
)
def test_an_address_that_is_none_is_refused(address: Any) -> None:
    with pytest.raises(InvalidInput) as raised:
        Client(address)
    assert "secret" not in str(raised.value)


def test_a_key_is_not_shown(key: str) -> None:
    with Client(api_key=key) as client:
        assert key not in repr(client) + repr(vars(client))
    with pytest.raises(InvalidInput) as raised:
        Client(api_key="memos_a\r\nb")
    assert "memos_a" not in str(raised.value)


def test_a_server_that_is_not_there_is_told_of() -> None:
    with (
        Client("http://127.0.0.1:9", api_key="memos_x") as client,
        pytest.raises(StoreUnavailable, match="not reached"),
    ):
        client.cuts()


def test_a_server_that_is_another_one_is_told_of() -> None:
    other = httpx.MockTransport(lambda request: httpx.Response(502, text="Bad Gateway"))
    with Client(transport=other) as client, pytest.raises(StoreUnavailable, match="502"):
        client.cuts()


def test_an_answer_that_breaks_off_is_told_of() -> None:
    cut = httpx.MockTransport(lambda request: httpx.Response(200, text=""))
    with Client(transport=cut) as client, pytest.raises(StoreUnavailable, match="broke off"):
        list(client.add_in_bulk([{"text": "x", "scope": SCOPE}]))


@pytest.mark.parametrize("name", ["", ".", "..", "x/", "a/history", "é", "\ud83d", None])
def test_an_id_that_would_lead_elsewhere_is_none(client: Client, name: Any) -> None:
    for asked in (client.get, client.archive, client.history, client.prove):
        with pytest.raises(InvalidInput, match="takes an id"):
            asked(name)


@pytest.mark.parametrize(
    "arguments",
    [
        {"text": "half \ud83d"},
        {"text": "x", "metadata": {"a": float("inf")}},
        {"text": "x", "metadata": {"a": object()}},
        {"text": "x", "metadata": {"a": BEFORE}},
        {"text": "x", "valid_from": BEHIND},
        {"text": "x", "idempotency_key": "a\r\nX: 1"},
        {"text": "x", "idempotency_key": "é"},
        {"text": "x", "idempotency_key": ""},
    ],
)
def test_what_no_request_can_hold_is_no_fault_of_the_servers(
    client: Client, arguments: dict[str, Any]
) -> None:
    with pytest.raises(InvalidInput):
        client.add(scope=SCOPE, **arguments)


def test_what_no_address_or_header_can_hold_is_refused_too(client: Client, cube_id: str) -> None:
    wrong_version: Any = '1"\r\n'
    for wrong in (
        lambda: client.update(cube_id, "x", expected_version=wrong_version),
        lambda: client.search("x", scope=SCOPE, min_score=float("nan")),
        lambda: client.list(scope="acme/\ud83d"),
        lambda: next(client.changes(since="a\r\nX: 1")),
        lambda: next(client.add_in_bulk([], idempotency_key="a\nb")),
    ):
        with pytest.raises(InvalidInput):
            wrong()


@pytest.mark.parametrize("address", ["http://[", "http://h:99999", "http://h:0", "http://:1", 1])
def test_an_address_that_is_none_is_told_in_words(address: Any) -> None:
    with pytest.raises(InvalidInput, match="is no address of a server"):
        Client(address, api_key="memos_x")


def test_a_key_with_blanks_and_quotes_is_the_same_key_as_in_the_process(
    client: Client, memory: Memory
) -> None:
    for key in (" a ", '"a"', "a b"):
        receipt = client.add(f"With {key}.", scope=SCOPE, idempotency_key=key)
        again = memory.add(f"With {key}.", scope=SCOPE, idempotency_key=key)
        assert again.cube_id == receipt.cube_id


def test_who_follows_changes_is_told_that_the_key_is_good_no_more(served: Served) -> None:
    created = served.memory.create_api_key("user:root", tenant="acme", actions=ALL_ACTIONS)

    async def followed() -> None:
        async with AsyncClient(served.address, api_key=created.key) as client:
            async for _ in client.changes(scope="acme/silent"):
                pass

    with Client(served.address, api_key=created.key) as client, ThreadPoolExecutor() as others:
        following: list[Future[Any]] = [
            others.submit(list, client.changes(scope="acme/silent")),
            others.submit(asyncio.run, followed()),
        ]
        wait_until(lambda: len(served.app.state.streams) == 2, "both follow")
        served.memory.revoke_api_key(created.api_key.key_id, tenant="acme")
        for each in following:
            with pytest.raises(Unauthenticated):
                each.result(30)
