"""The text of an API key, where it is not, and what a vault does with keys that it cannot use."""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import memos
from memos import (
    AsyncMemory,
    Denied,
    IllegalMove,
    InvalidInput,
    Memory,
    ReadOnly,
    Unauthenticated,
    VaultError,
)
from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.embedded.writer import EmbeddedWriter
from memos.interface import async_memory
from memos.kernel.api_key import MOST_API_KEYS
from memos.kernel.event import Kind
from memos.kernel.tenant import tenant_cube_id
from memos.operation import remembered_keys
from memos.operation.api_key import key_text
from memos.operation.commands.draft import new_event

ROOT, ALICE = "agent:root", "agent:alice"


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "vault", actor=ROOT) as opened:
        yield opened


def raw_of(key: str) -> bytes:
    written = key.removeprefix("memos_")
    return base64.urlsafe_b64decode(written + "=" * (-len(written) % 4))


def test_the_text_of_a_key_carries_id_secret_and_tenant_and_the_vault_a_hash_of_the_secret(
    memory: Memory,
) -> None:
    created = memory.create_api_key(ALICE, tenant="größe")
    raw = raw_of(created.key)
    assert raw[:16].hex() == created.api_key.key_id.replace("-", "")
    assert raw[48:].decode() == "größe"
    with memory._session.engine.read() as reader:
        state = reader.vault.head(tenant_cube_id("größe"))
    assert state is not None
    (kept,) = state.api_keys
    assert kept.secret_digest == sha256(raw[16:48]).digest()
    assert created.key not in repr(created)


def test_what_a_vault_is_narrowed_to_is_its_keys_scopes_or_a_tenant(memory: Memory) -> None:
    whole = memory.create_api_key(ALICE, tenant="acme")
    some = memory.create_api_key(ALICE, tenant="acme", scopes=["acme/two", "acme/one"])
    assert memory.reach == ()
    assert memory.as_actor(ALICE, tenant="acme").reach == ("acme",)
    assert memory.as_api_key(whole.key).reach == ("acme",)
    assert memory.as_api_key(some.key).reach == ("acme/one", "acme/two")
    assert AsyncMemory(memory.as_api_key(some.key)).reach == ("acme/one", "acme/two")


def mangled(key: str) -> Iterator[str]:
    yield ""
    yield "memos_"
    yield key[:-1]
    yield key + "A"
    yield f" {key}"
    yield f"{key}\n"
    yield key.replace("memos_", "MEMOS_")
    yield key.replace("memos_", "sk-")
    yield f"{key}="
    raw = bytearray(raw_of(key))
    for place in (0, 16, 47, 48):
        changed = bytearray(raw)
        changed[place] ^= 1
        yield "memos_" + base64.urlsafe_b64encode(bytes(changed)).decode().rstrip("=")
    for tenant in (b"rival", b"acme/alice", b"", b"\xff"):
        yield "memos_" + base64.urlsafe_b64encode(bytes(raw[:48]) + tenant).decode().rstrip("=")
    yield "memos_" + "A" * 100_000


def test_what_is_nearly_a_key_is_none_and_no_error_repeats_it(memory: Memory) -> None:
    created = memory.create_api_key(ALICE, tenant="acme")
    for text in mangled(created.key):
        with pytest.raises(Unauthenticated) as refused:
            memory.as_api_key(text)
        assert created.key[10:40] not in str(refused.value), text
    memory.as_api_key(created.key)


@given(st.text())
@settings(max_examples=200, deadline=None)
def test_no_text_is_taken_for_a_key(opened: Memory, text: str) -> None:
    for shown in (text, f"memos_{text}"):
        with pytest.raises(Unauthenticated):
            opened.as_api_key(shown)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    with Memory(tmp_path_factory.mktemp("keys") / "vault", actor=ROOT) as memory:
        memory.create_api_key(ALICE, tenant="acme")
        yield memory


def test_a_key_is_in_no_file_no_log_and_no_event(
    memory: Memory, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG):
        created = memory.create_api_key(ALICE, tenant="acme", name="laptop")
        alice = memory.as_api_key(created.key)
        alice.add("text", scope="acme")
        told = [repr(created), str(list(memory.events())), str(memory.api_keys("acme"))]
        rotated = memory.rotate_api_key(created.api_key.key_id, tenant="acme")
    path = memory.path
    memory.close()
    for made in (created, rotated):
        raw = raw_of(made.key)
        secret = raw[16:48]
        for where in (*told, caplog.text):
            assert made.key not in where
        for file in path.iterdir():
            data = file.read_bytes()
            assert secret not in data, file
            assert made.key.encode() not in data, file


def test_a_key_gives_no_wider_one(memory: Memory) -> None:
    created = memory.create_api_key(ROOT, tenant="acme", actions=["administer", "read"])
    root = memory.as_api_key(created.key)
    narrower = root.create_api_key(ALICE, tenant="acme", actions=["read"])
    with pytest.raises(Denied, match="action-boundary"):
        root.create_api_key(ALICE, tenant="acme", actions=["read", "write"])
    with pytest.raises(Denied, match="tenant-boundary"):
        root.create_api_key(ALICE, tenant="rival")
    wide = memory.create_api_key(ALICE, tenant="acme")
    with pytest.raises(Denied, match="action-boundary"):
        root.rotate_api_key(wide.api_key.key_id, tenant="acme")
    part = memory.create_api_key(
        ROOT, tenant="acme", actions=["administer", "read"], scopes=["acme/a"]
    )
    with pytest.raises(Denied, match="scope-boundary"):
        memory.as_api_key(part.key).create_api_key(ALICE, tenant="acme", actions=["read"])
    with pytest.raises(InvalidInput, match="used by an API key"):
        memory.as_api_key(narrower.key).as_actor(ROOT)


def test_a_key_for_one_action_does_that_alone_and_says_so(memory: Memory) -> None:
    cube = memory.add("text", scope="acme").cube_id
    writer = memory.as_api_key(memory.create_api_key(ALICE, tenant="acme", actions=["create"]).key)
    writer.add("new", scope="acme")
    for refused in (
        lambda: writer.get(cube),
        lambda: writer.search("text", scope="acme"),
        writer.list,
        writer.count,
        writer.scopes,
        writer.subjects,
        lambda: list(writer.events()),
        writer.accesses,
        writer.denials,
        lambda: writer.find_id(cube),
        lambda: writer.update(cube, "x"),
        lambda: writer.rollback(actor=ROOT, dry_run=True),
        lambda: writer.erase(cube_id=cube, dry_run=True),
    ):
        with pytest.raises(Denied, match="action-boundary"):
            refused()


def test_an_action_of_a_later_release_gives_nothing(memory: Memory) -> None:
    created = memory.create_api_key(ALICE, tenant="acme", actions=["read"])
    memory.add("text", scope="acme")
    session = memory._session
    event = new_event(session, Kind.API_KEY_ISSUED, tenant_cube_id("acme"), "acme")
    secret = bytes(range(32))
    issued = event.api_key_issued
    issued.secret_digest, issued.origin = sha256(secret).digest(), session.engine.origin
    issued.actor, issued.actions[:] = ROOT, ["publish"]
    session.engine.writer.commit([Draft(event)])
    assert len(memory.api_keys("acme")) == 2
    unknown = memory.as_api_key(key_text("acme", event.event_id, secret))
    with pytest.raises(Denied, match="action-boundary"):
        unknown.count()
    assert memory.as_api_key(created.key).count() == 1


def test_a_vault_opened_for_a_tenant_knows_keys_of_that_one_only(memory: Memory) -> None:
    acme, rival = (memory.create_api_key(ALICE, tenant=at) for at in ("acme", "rival"))
    with Memory(memory.path, actor=ROOT, tenant="acme") as narrowed:
        narrowed.as_api_key(acme.key)
        with pytest.raises(Unauthenticated):
            narrowed.as_api_key(rival.key)


def test_a_key_is_good_where_the_vault_can_only_be_read(memory: Memory) -> None:
    created = memory.create_api_key(ALICE, tenant="acme")
    with Memory(memory.path, actor=ROOT, mode="read") as reading:
        assert reading.as_api_key(created.key).count() == 0
        with pytest.raises(ReadOnly):
            reading.create_api_key(ALICE, tenant="acme")
    assert memory.api_keys("acme")[0].last_used is None


def test_a_use_that_cannot_be_noted_is_served_and_tried_again(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    created = memory.create_api_key(ALICE, tenant="acme")
    tried = 0

    def refuse(*_: object) -> None:
        nonlocal tried
        tried += 1
        raise VaultError("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(EmbeddedWriter, "commit", refuse)
        for _ in range(3):
            memory.as_api_key(created.key)
    assert tried == 1
    monkeypatch.setattr(remembered_keys, "USE_TRIED_SECONDS", 0)
    memory.as_api_key(created.key)
    assert memory.api_keys("acme")[0].last_used is not None


def test_the_log_gives_the_same_keys_again(memory: Memory) -> None:
    old = memory.create_api_key(ALICE, tenant="acme", scopes=["acme/a"], expires_after=None)
    memory.as_api_key(old.key)
    memory.rotate_api_key(old.api_key.key_id, tenant="acme")
    gone = memory.create_api_key(ALICE, tenant="acme")
    memory.revoke_api_key(gone.api_key.key_id, tenant="acme")
    before, keys = memory.digest(), memory.api_keys("acme")
    assert memory.rebuild().digest == before
    assert memory.audit().ok
    assert memory.verify().ok
    assert memory.api_keys("acme") == keys
    assert (len(keys), keys[0].last_used is not None) == (2, True)
    with pytest.raises(Unauthenticated):
        memory.as_api_key(gone.key)


def test_a_tenant_has_a_stated_number_of_keys_at_most(
    memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("memos.operation.commands.api_keys.MOST_API_KEYS", 2)
    first = memory.create_api_key(ALICE, tenant="acme")
    memory.create_api_key(ALICE, tenant="acme")
    with pytest.raises(IllegalMove, match="has 2 API keys that have not ended"):
        memory.create_api_key(ALICE, tenant="acme")
    with pytest.raises(IllegalMove):
        memory.rotate_api_key(first.api_key.key_id, tenant="acme")
    memory.rotate_api_key(first.api_key.key_id, tenant="acme", overlap=None)
    assert MOST_API_KEYS == 256


def test_what_no_key_can_be_is_refused_before_anything_is_written(memory: Memory) -> None:
    refused: list[dict[str, Any]] = [
        {"actor": ""},
        {"actions": []},
        {"actions": ["delete"]},
        {"actions": "read"},
        {"scopes": ["rival/a"]},
        {"scopes": [f"acme/{n}" for n in range(17)]},
        {"tenant": "acme/alice"},
        {"expires_after": "soon"},
        {"expires_after": "60000y"},
        {"name": None},
    ]
    for odd in refused:
        with pytest.raises(InvalidInput):
            memory.create_api_key(**{"actor": ALICE, "tenant": "acme", **odd})
    assert list(memory.events()) == []
    key = memory.create_api_key(ALICE, tenant="acme", scopes=["acme/a", "acme"]).api_key
    assert key.scopes == ()


def test_what_issued_a_key_is_undone_by_revoking_it(memory: Memory) -> None:
    created = memory.create_api_key(ALICE, tenant="acme")
    entry = next(entry for entry in memory.events() if entry.kind == "ApiKeyIssued")
    assert entry.event_id == created.api_key.key_id
    with pytest.raises(IllegalMove, match=f"revoke_api_key\\('{created.api_key.key_id}'"):
        memory.rollback(operation=entry.operation_id)


def test_an_event_loop_has_the_same_keys(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_memory, "PAGE", 1)

    async def use() -> None:
        async with AsyncMemory(tmp_path / "vault", actor=ROOT) as memory:
            created = await memory.create_api_key(ALICE, tenant="acme")
            alice = await memory.as_api_key(created.key)
            await alice.add("text", scope="acme")
            assert [entry.actor async for entry in alice.events(kind="Generated")] == [ALICE]
            entries = alice.events()
            await anext(entries)
            await memory.revoke_api_key(created.api_key.key_id, tenant="acme")
            with pytest.raises(Unauthenticated):
                await anext(entries)
            with pytest.raises(Unauthenticated):
                await alice.list()
            with pytest.raises(Unauthenticated):
                await memory.as_api_key(created.key)

    asyncio.run(use())


def test_a_key_that_was_just_looked_up_is_not_read_again(memory: Memory) -> None:
    created = memory.create_api_key(ALICE, tenant="acme")
    memory.as_api_key(created.key)
    alice = memory.as_api_key(created.key)
    reads = 0
    engine = memory._session.engine
    read = engine.read

    def counted() -> object:
        nonlocal reads
        reads += 1
        return read()

    engine.read = counted  # type: ignore[method-assign, assignment]
    try:
        for _ in range(5):
            memory.as_api_key(created.key)
            alice._session.gate.enter("get")
    finally:
        engine.read = read  # type: ignore[method-assign]
    assert reads <= 1
    assert memos.ApiKey is type(created.api_key)
