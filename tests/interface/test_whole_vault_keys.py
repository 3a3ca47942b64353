"""API keys of the whole vault: what they open that no tenant's key does, what bounds them, who makes them."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from memos import (
    CreatedApiKey,
    Denied,
    IllegalMove,
    InvalidInput,
    Memory,
    NotFound,
    Unauthenticated,
)
from memos.infrastructure.governance.decision import Action, Decision, Resource, Subject
from memos.kernel.event import Kind
from memos.kernel.tenant import tenant_cube_id

ROOT, AUDITOR, CAROL = "agent:root", "agent:auditor", "agent:carol"
EVERY_ACTION = ("read", "create", "write", "administer")


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    """A vault with two tenants, of one of which carol is the administrator."""
    with Memory(tmp_path / "vault", actor=ROOT) as opened:
        opened.add("She likes pottery.", scope="acme/alice")
        opened.add("He likes glass.", scope="rival/bob")
        opened.grant_administrator("acme", CAROL)
        opened.name_cut("before")
        yield opened


@pytest.fixture
def created(memory: Memory) -> CreatedApiKey:
    return memory.create_api_key(AUDITOR, tenant=None, actions=["read"])


@pytest.fixture
def auditor(memory: Memory, created: CreatedApiKey) -> Memory:
    return memory.as_api_key(created.key)


READS: dict[str, Callable[[Memory, str], object]] = {
    "events": lambda door, event_id: [(entry.kind, entry.scope) for entry in door.events()],
    "checkpoint": lambda door, event_id: door.checkpoint(),
    "prove": lambda door, event_id: door.prove(event_id),
    "prove_consistency": lambda door, event_id: door.prove_consistency(1),
    "verify": lambda door, event_id: door.verify(),
    "audit": lambda door, event_id: door.audit(),
    "digest": lambda door, event_id: door.digest(),
    "cuts": lambda door, event_id: door.cuts(),
    "stats": lambda door, event_id: door.stats().memories,
}


def test_an_auditor_s_key_is_told_what_who_opens_the_vault_is_told(
    memory: Memory, auditor: Memory
) -> None:
    event_id = next(iter(memory.events(scope="rival"))).event_id
    for name, read in READS.items():
        assert read(auditor, event_id) == read(memory, event_id), name


def test_an_auditor_s_key_changes_nothing(memory: Memory, auditor: Memory) -> None:
    cube = memory.add("mine", scope="acme").cube_id
    size = memory.checkpoint().size
    refused: list[Callable[[], object]] = [
        lambda: auditor.name_cut("now"),
        lambda: auditor.add("x", scope="acme"),
        lambda: auditor.update(cube, "x"),
        lambda: auditor.erase(cube_id=cube),
        lambda: auditor.rollback(actor=ROOT),
        lambda: auditor.grant_administrator("acme", AUDITOR),
        lambda: auditor.create_api_key(AUDITOR, tenant=None, actions=["read"]),
        lambda: auditor.create_api_key(AUDITOR, tenant="acme", actions=["read"]),
        lambda: auditor.api_keys(None),
        lambda: auditor.keep_queries("1d"),
        lambda: auditor.backup(memory.path.parent / "backup"),
        auditor.rotate_root_key,
        auditor.rebuild,
        auditor.sweep,
    ]
    for ask in refused:
        with pytest.raises(Denied):
            ask()
    assert memory.checkpoint().size == size
    assert not (memory.path.parent / "backup").exists()


def test_a_key_without_read_is_told_nothing_of_the_whole_vault(memory: Memory) -> None:
    writer = memory.as_api_key(memory.create_api_key(AUDITOR, tenant=None, actions=["create"]).key)
    writer.name_cut("now")
    event_id = next(iter(memory.events())).event_id
    for read in READS.values():
        with pytest.raises(Denied, match="action-boundary"):
            read(writer, event_id)


def test_headers_bound_a_key_of_the_whole_vault_as_its_actor(
    memory: Memory, auditor: Memory
) -> None:
    shown = memory.add("shown", scope="rival")
    hidden = memory.add("hidden", scope="rival", readers=[ROOT])
    assert auditor.get(shown.cube_id)
    assert auditor.prove(shown.event_id).event_id == shown.event_id
    with pytest.raises(Denied, match="readers-list"):
        auditor.get(hidden.cube_id)
    with pytest.raises(NotFound):
        auditor.prove(hidden.event_id)
    assert hidden.cube_id not in {entry.cube_id for entry in auditor.events()}


class AllowsAll:
    digest = bytes(16)

    def decide(
        self, subject: Subject, action: Action, resource: Resource, context: dict[str, str]
    ) -> Decision:
        return Decision(True, "all")


@pytest.mark.parametrize("is_permissive", [False, True], ids=["header rules", "one that allows"])
def test_no_key_of_a_tenant_makes_or_becomes_one_of_the_whole_vault(
    memory: Memory, is_permissive: bool
) -> None:
    whole = memory.create_api_key(ROOT, tenant=None, actions=EVERY_ACTION)
    key_id = whole.api_key.key_id
    own = memory.create_api_key(ROOT, tenant="acme", actions=EVERY_ACTION)
    with Memory(memory.path, actor=ROOT, governor=AllowsAll() if is_permissive else None) as door:
        tenants = door.as_api_key(own.key)
        refused: list[Callable[[], object]] = [
            lambda: tenants.create_api_key(ROOT, tenant=None),
            lambda: tenants.api_keys(None),
            lambda: tenants.rotate_api_key(key_id, tenant=None),
            lambda: tenants.revoke_api_key(key_id, tenant=None),
            lambda: tenants.rotate_api_key(own.api_key.key_id, tenant=None),
        ]
        for ask in refused:
            with pytest.raises(Denied, match="it takes an API key of the whole vault") as denied:
                ask()
            assert denied.value.rule == "tenant-boundary"
        with pytest.raises(NotFound):
            tenants.rotate_api_key(key_id, tenant="acme")
        rotated = tenants.rotate_api_key(own.api_key.key_id, tenant="acme")
        with pytest.raises(Denied, match="tenant-boundary"):
            door.as_api_key(rotated.key).verify()
        with pytest.raises(Unauthenticated):
            tenants.as_api_key(whole.key)
        with pytest.raises(InvalidInput):
            tenants.as_actor(ROOT)
    with Memory(memory.path, actor=ROOT, tenant="acme") as narrowed:
        with pytest.raises(Denied, match="open the vault without tenant="):
            narrowed.create_api_key(ROOT, tenant=None)
        with pytest.raises(Unauthenticated):
            narrowed.as_api_key(whole.key)
    assert [key.key_id for key in memory.api_keys(None)] == [key_id]


def test_only_the_vault_s_administrator_has_to_do_with_its_keys(
    memory: Memory, created: CreatedApiKey
) -> None:
    key_id = created.api_key.key_id
    with Memory(memory.path, actor=CAROL) as carol:
        carol.create_api_key(CAROL, tenant="acme")
        refused: list[Callable[[], object]] = [
            lambda: carol.create_api_key(CAROL, tenant=None),
            lambda: carol.api_keys(None),
            lambda: carol.rotate_api_key(key_id, tenant=None),
            lambda: carol.revoke_api_key(key_id, tenant=None),
        ]
        for ask in refused:
            with pytest.raises(Denied, match="only an administrator may"):
                ask()


def test_a_key_of_the_whole_vault_that_may_administer_makes_none_that_may_more(
    memory: Memory,
) -> None:
    made = memory.create_api_key(ROOT, tenant=None, actions=["read", "administer"])
    root = memory.as_api_key(made.key)
    root.create_api_key(AUDITOR, tenant="rival", actions=["read"])
    second = root.create_api_key(AUDITOR, tenant=None, actions=["read"])
    for tenant in (None, "acme"):
        with pytest.raises(Denied, match="action-boundary"):
            root.create_api_key(AUDITOR, tenant=tenant, actions=["write"])
    assert [key.key_id for key in root.api_keys(None)] == [
        made.api_key.key_id,
        second.api_key.key_id,
    ]


def test_the_text_of_a_key_says_that_it_is_of_the_whole_vault(
    memory: Memory, created: CreatedApiKey
) -> None:
    written = created.key.removeprefix("memos_vault.")
    raw = base64.urlsafe_b64decode(written)
    assert (len(raw), raw[:16].hex()) == (48, created.api_key.key_id.replace("-", ""))
    assert created.api_key.tenant is None
    named = base64.urlsafe_b64encode(raw + b"acme").decode().rstrip("=")
    own = memory.create_api_key(AUDITOR, tenant="acme").key.removeprefix("memos_")
    for near in (
        f"memos_{written}",
        f"memos_vault_{written}",
        f"memos_{named}",
        f"memos_vault.{named}",
        f"memos_vault.{own}",
        f"memos_vault.{own[:64]}",
        f"memos_vault.{written[:-1]}",
        f"memos_vault.{written}A",
        f"vault.{written}",
        f"memos_vault.memos_vault.{written}",
    ):
        with pytest.raises(Unauthenticated):
            memory.as_api_key(near)


def test_a_key_of_the_whole_vault_is_an_event_of_the_vault_s_own_scope(
    memory: Memory, created: CreatedApiKey
) -> None:
    (issued,) = memory.events(kind=Kind.API_KEY_ISSUED.title)
    assert (issued.scope, issued.actor) == ("", ROOT)
    assert issued.cube_id.replace("-", "") == tenant_cube_id("").hex()
    assert memory.api_keys("acme") == ()
    assert list(memory.as_actor(CAROL, tenant="acme").events(kind=issued.kind)) == []
    with pytest.raises(IllegalMove, match=r"tenant=None\) ends the key"):
        memory.rollback(operation=issued.operation_id)


def test_rotation_revocation_and_a_rebuild_are_as_of_any_key(
    memory: Memory, created: CreatedApiKey
) -> None:
    memory.as_api_key(created.key)
    rotated = memory.rotate_api_key(created.api_key.key_id, tenant=None)
    assert rotated.key.startswith("memos_vault.")
    old, new = memory.api_keys(None)
    assert (old.replaced_by, new.actions, new.tenant) == (new.key_id, ("read",), None)
    assert old.last_used is not None
    before = memory.digest()
    assert (memory.rebuild().digest, memory.api_keys(None)) == (before, (old, new))
    assert memory.audit().ok
    memory.revoke_api_key(new.key_id, tenant=None)
    with pytest.raises(Unauthenticated):
        memory.as_api_key(rotated.key)
    assert memory.as_api_key(created.key).verify().ok


def test_no_empty_text_is_the_whole_vault_and_such_a_key_is_for_no_scopes(memory: Memory) -> None:
    for tenant in ("", " "):
        with pytest.raises(InvalidInput):
            memory.create_api_key(AUDITOR, tenant=tenant)
        with pytest.raises(InvalidInput):
            memory.api_keys(tenant)
    with pytest.raises(InvalidInput, match="for no scopes"):
        memory.create_api_key(AUDITOR, tenant=None, scopes=["acme"])
    assert memory.api_keys(None) == ()
