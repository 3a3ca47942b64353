"""API keys on both engines: issued, used, rotated, revoked and expired, and what they bound."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Thread

import pytest

from memos import CreatedApiKey, Denied, Memory, NotFound, Unauthenticated
from tests.scenarios.place import Place, texts
from tests.scenarios.test_authority import Clock
from tests.waiting import wait_until, wait_within

HOUR, DAY = 3_600_000_000, 86_400_000_000
ALICE, BOB = "agent:alice-of-acme", "agent:bob"


def is_good(memory: Memory, created: CreatedApiKey) -> bool:
    try:
        memory.as_api_key(created.key)
    except Unauthenticated:
        return False
    return True


def test_a_key_is_its_actor_bounded_by_tenant_scopes_and_actions(
    memory: Memory, tenant: str
) -> None:
    here, there = f"{tenant}/alice", f"{tenant}/bob"
    theirs = memory.add("Bob likes pottery.", scope=there).cube_id
    private = memory.add("A private note.", scope=here, readers=[BOB]).cube_id
    created = memory.create_api_key(
        ALICE, tenant=tenant, name="laptop", actions=["read", "create"], scopes=[here]
    )
    alice = memory.as_api_key(created.key)
    mine = alice.add("Alice likes pottery.", scope=here).cube_id
    assert texts(alice.search("pottery", scope=here)) == ["Alice likes pottery."]
    assert [cube.cube_id for cube in alice.list()] == [mine]
    assert (alice.count(), alice.scopes()) == (1, {here: 1})
    assert {entry.actor for entry in alice.events()} == {ALICE}
    with pytest.raises(NotFound):
        alice.get(theirs)
    with pytest.raises(Denied, match="scope-boundary"):
        alice.search("pottery", scope=there)
    with pytest.raises(Denied, match="action-boundary"):
        alice.update(mine, "Alice likes clay.")
    with pytest.raises(Denied, match="readers-list"):  # no more than the actor has
        alice.get(private)


def test_only_who_administers_the_tenant_has_to_do_with_its_keys(
    place: Place, memory: Memory, tenant: str
) -> None:
    created = memory.create_api_key(ALICE, tenant=tenant)
    key_id = created.api_key.key_id
    bob = place.open(BOB)
    for refused in (
        lambda: bob.create_api_key(BOB, tenant=tenant),
        lambda: bob.api_keys(tenant),
        lambda: bob.rotate_api_key(key_id, tenant=tenant),
        lambda: bob.revoke_api_key(key_id, tenant=tenant),
    ):
        with pytest.raises(Denied, match="only an administrator"):
            refused()
    memory.grant_administrator(tenant, BOB)
    assert [key.key_id for key in bob.api_keys(tenant)] == [key_id]
    bob.revoke_api_key(key_id, tenant=tenant)
    assert memory.api_keys(tenant) == ()


def test_a_revoked_key_is_refused_within_a_second_wherever_the_vault_is_open(
    place: Place, memory: Memory, tenant: str
) -> None:
    created = memory.create_api_key(ALICE, tenant=tenant)
    other = place.open()
    assert is_good(memory, created)
    assert is_good(other, created)
    memory.revoke_api_key(created.api_key.key_id, tenant=tenant)
    revoked = time.monotonic()
    assert not is_good(memory, created)
    wait_within(1, revoked, lambda: not is_good(other, created))
    with pytest.raises(NotFound, match="has not ended"):
        other.revoke_api_key(created.api_key.key_id, tenant=tenant)


def test_what_a_revoked_key_let_in_is_refused_at_its_next_call_wherever_the_vault_is_open(
    place: Place, memory: Memory, tenant: str
) -> None:
    created = memory.create_api_key(ALICE, tenant=tenant)
    here, there = memory.as_api_key(created.key), place.open().as_api_key(created.key)
    cube_id = here.add("Alice likes pottery.", scope=tenant).cube_id
    here.add("Alice likes clay.", scope=tenant)
    turns = there.context_session(scope=tenant)
    turns.turn("pottery")
    entries = here.events()
    next(entries)
    memory.revoke_api_key(created.api_key.key_id, tenant=tenant)
    revoked = time.monotonic()
    calls: list[Callable[[Memory], object]] = [
        lambda alice: alice.get(cube_id),
        lambda alice: alice.search("pottery", scope=tenant),
        lambda alice: alice.add("Alice likes glass.", scope=tenant),
        lambda alice: alice.update(cube_id, "Alice likes glass."),
        lambda alice: alice.events(),
        lambda alice: alice.as_api_key(created.key),
    ]
    for call in calls:
        with pytest.raises(Unauthenticated, match="was revoked"):
            call(here)
    with pytest.raises(Unauthenticated):
        next(entries)
    wait_within(1, revoked, lambda: not answers(there, cube_id))
    for call in calls:
        with pytest.raises(Unauthenticated):
            call(there)
    with pytest.raises(Unauthenticated):
        turns.turn("pottery")
    assert [each.version for each in memory.history(cube_id)] == [1]
    assert memory.count(scope=tenant) == 2


def answers(memory: Memory, cube_id: str) -> bool:
    try:
        memory.get(cube_id)
    except Unauthenticated:
        return False
    return True


def test_what_a_key_let_in_is_refused_when_the_key_expires_or_its_rotation_ends(
    place: Place, tenant: str
) -> None:
    clock = Clock()
    memory = place.open(clock=clock)
    old = memory.create_api_key(ALICE, tenant=tenant, expires_after="1d")
    alice = memory.as_api_key(old.key)
    cube_id = alice.add("Alice likes pottery.", scope=tenant).cube_id
    new = memory.rotate_api_key(old.api_key.key_id, tenant=tenant, overlap="2h")
    successor = memory.as_api_key(new.key)
    clock.ahead = HOUR
    assert alice.count(scope=tenant) == successor.count(scope=tenant) == 1
    clock.ahead = 2 * HOUR + 1
    with pytest.raises(Unauthenticated, match="expired at"):
        alice.get(cube_id)
    assert successor.count(scope=tenant) == 1
    clock.ahead = DAY + 1
    with pytest.raises(Unauthenticated, match="expired at"):
        successor.list()


def test_a_rotation_leaves_the_old_key_good_for_the_overlap(place: Place, tenant: str) -> None:
    clock = Clock()
    memory = place.open(clock=clock)
    old = memory.create_api_key(
        ALICE, tenant=tenant, name="ci", actions=["read"], scopes=[f"{tenant}/a"]
    )
    new = memory.rotate_api_key(old.api_key.key_id, tenant=tenant, overlap="2h")
    first, second = memory.api_keys(tenant)
    assert (first.replaced_by, second.replaces) == (second.key_id, first.key_id)
    kept = [(k.actor, k.name, k.actions, k.scopes) for k in (first, second)]
    assert kept[0] == kept[1] == (ALICE, "ci", ("read",), (f"{tenant}/a",))
    assert second.expires is not None
    assert second.expires - second.created == old.api_key.expires - old.api_key.created  # type: ignore[operator]
    assert (is_good(memory, old), is_good(memory, new)) == (True, True)
    clock.ahead = 2 * HOUR + 1
    assert (is_good(memory, old), is_good(memory, new)) == (False, True)
    assert [key.key_id for key in memory.api_keys(tenant)] == [second.key_id]


def test_a_key_ends_when_it_expires_and_its_uses_are_noted_once_an_hour(
    place: Place, tenant: str
) -> None:
    clock = Clock()
    memory = place.open(clock=clock)
    created = memory.create_api_key(ALICE, tenant=tenant, expires_after="1d")
    assert memory.api_keys(tenant)[0].last_used is None

    def uses() -> int:
        return sum(1 for entry in memory.events(scope=tenant) if entry.kind == "ApiKeyUsed")

    for _ in range(3):
        assert is_good(memory, created)
    wait_until(lambda: uses() == 1, "the first use is noted")
    first = memory.api_keys(tenant)[0].last_used
    assert first is not None
    clock.ahead = DAY + 1
    with pytest.raises(Unauthenticated, match="expired at"):
        memory.as_api_key(created.key)
    assert memory.api_keys(tenant) == ()
    assert uses() == 1


def test_keys_that_are_issued_at_the_same_time_are_all_there(place: Place, tenant: str) -> None:
    made: list[CreatedApiKey] = []

    def issue(memory: Memory) -> None:
        made.extend(memory.create_api_key(ALICE, tenant=tenant) for _ in range(2))

    threads = [Thread(target=issue, args=(place.open(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    memory = place.open()
    assert {key.key_id for key in memory.api_keys(tenant)} == {m.api_key.key_id for m in made}
    assert len(made) == 4
    assert all(is_good(memory, each) for each in made)


def test_a_rebuild_gives_the_same_keys(memory: Memory, tenant: str) -> None:
    old = memory.create_api_key(ALICE, tenant=tenant, expires_after=None)
    gone = memory.create_api_key(BOB, tenant=tenant)
    memory.as_api_key(old.key)
    memory.rotate_api_key(old.api_key.key_id, tenant=tenant)
    memory.revoke_api_key(gone.api_key.key_id, tenant=tenant)
    keys = memory.api_keys(tenant)
    assert keys[0].last_used is not None
    rebuilt = memory.rebuild()
    assert rebuilt.digest == memory.digest()
    assert memory.api_keys(tenant) == keys
    assert (is_good(memory, old), is_good(memory, gone)) == (True, False)


def test_a_key_of_the_whole_vault_proves_and_verifies_and_writes_nothing(
    memory: Memory, tenant: str
) -> None:
    added = memory.add("She likes pottery.", scope=tenant)
    other = f"{tenant}-rival"
    memory.add("He likes glass.", scope=other)
    created = memory.create_api_key(BOB, tenant=None, actions=["read"], expires_after=None)
    auditor = memory.as_api_key(created.key)
    proof = auditor.prove(added.event_id)
    assert (proof.event_id, proof.verify(auditor.verifier_key())) == (added.event_id, True)
    assert {entry.scope for entry in auditor.events(kind="Generated")} >= {tenant, other}
    assert auditor.verify().problems == memory.verify().problems
    assert auditor.cuts() == memory.cuts()
    for refused in (
        lambda: auditor.name_cut("now"),
        lambda: auditor.add("x", scope=tenant),
        lambda: auditor.api_keys(None),
    ):
        with pytest.raises(Denied, match="action-boundary"):
            refused()
    rotated = memory.rotate_api_key(created.api_key.key_id, tenant=None, overlap=None)
    assert (is_good(memory, created), is_good(memory, rotated)) == (False, True)
    keys = memory.api_keys(None)
    assert keys[-1].key_id == rotated.api_key.key_id
    assert memory.rebuild().digest == memory.digest()
    assert memory.api_keys(None) == keys
    memory.revoke_api_key(rotated.api_key.key_id, tenant=None)
    assert not is_good(memory, rotated)
    assert rotated.api_key.key_id not in {key.key_id for key in memory.api_keys(None)}
