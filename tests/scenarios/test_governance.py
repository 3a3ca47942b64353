"""Who may read and change what, and what is noted of reads, from the caller's side."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from memos import Denied, Held, InvalidInput, Memory, MemosError, NotFound, Receipt
from tests.scenarios.place import Place, read, texts
from tests.waiting import wait_until

ABSENT = "00000000-0000-7000-8000-000000000000"


def test_a_caller_of_one_tenant_sees_nothing_of_another(
    place: Place, memory: Memory, tenant: str
) -> None:
    mine = memory.add("pottery of mine", scope=f"{tenant}/a").cube_id
    rival = f"{tenant}x"
    theirs = memory.add("pottery of theirs", scope=f"{rival}/a", source="web:a").cube_id
    bob = place.open("agent:bob", tenant=tenant)
    assert read(bob, mine).text == "pottery of mine"
    assert texts(bob.search("pottery", scope=tenant)) == ["pottery of mine"]
    for ask in (
        lambda: bob.search("pottery", scope=rival),
        lambda: bob.add("mine now", scope=rival),
        lambda: bob.erase(scope=rival),
        lambda: bob.tags(rival),
    ):
        with pytest.raises(Denied, match="tenant-boundary"):
            ask()
    told = []
    for cube in (theirs, ABSENT):
        with pytest.raises(NotFound) as refused:
            bob.get(cube)
        told.append(str(refused.value).replace(cube, "<id>"))
    assert told[0] == told[1]
    assert {entry.cube_id for entry in bob.events()} == {mine}
    assert bob.rollback(source="web:a").changes == ()
    for whole in (bob.digest, bob.stats, bob.verify, bob.cuts):
        with pytest.raises(Denied):
            whole()


def test_what_others_hold_moves_no_score(place: Place, memory: Memory, tenant: str) -> None:
    for number in range(6):
        memory.add(f"pottery {'glass ' * (number % 3)}{number}", scope=f"{tenant}/a")
    bob = place.open("agent:bob")
    before = [(hit.text, hit.score) for hit in bob.search("pottery glass", scope=tenant)]
    memory.add_many([{"text": f"glass glass {n}", "scope": f"{tenant}x/a"} for n in range(20)])
    memory.add_many(
        [
            {"text": f"glass {n}", "scope": f"{tenant}/a", "readers": ["agent:eve"]}
            for n in range(20)
        ]
    )
    after = [(hit.text, hit.score) for hit in bob.search("pottery glass", scope=tenant)]
    assert after == before


def test_readers_and_writers_bind_every_call(place: Place, memory: Memory, tenant: str) -> None:
    open_to_all = memory.add("open", scope=tenant).cube_id
    secret = memory.add("secret", scope=tenant, readers=["agent:carol"]).cube_id
    fixed = memory.add("fixed", scope=tenant, writers=["agent:carol"]).cube_id
    bob, carol = place.open("agent:bob"), place.open("agent:carol")
    bob.update(open_to_all, "changed by bob")
    for call, rule in (
        (lambda: bob.get(secret), "readers-list"),
        (lambda: bob.history(secret), "readers-list"),
        (lambda: bob.lineage(secret), "readers-list"),
        (lambda: bob.update(secret, "x"), "readers-list"),
        (lambda: bob.update(fixed, "x"), "writers-list"),
        (lambda: bob.freeze(open_to_all), "owner-only"),
        (lambda: bob.set_header(open_to_all, owner="agent:bob"), "owner-only"),
        (lambda: bob.erase(cube_id=open_to_all), "owner-only"),
    ):
        with pytest.raises(Denied) as refused:
            call()
        assert refused.value.rule == rule
    assert read(bob, fixed).text == "fixed"
    assert bob.search("secret", scope=tenant) == []
    assert secret not in {entry.cube_id for entry in bob.events(scope=tenant)}
    assert read(carol, secret).text == "secret"
    carol.update(fixed, "changed by carol")
    memory.set_header(secret, readers=["agent:carol", "agent:bob"])
    assert read(bob, secret).text == "secret"
    assert texts(bob.search("secret", scope=tenant)) == ["secret"]


def test_only_what_a_read_returns_counts_as_use(memory: Memory, tenant: str) -> None:
    used = memory.add("pottery", scope=tenant).cube_id
    unused = memory.add("chess", scope=tenant).cube_id
    accesses = memory.stats().accesses
    memory.search("pottery", scope=tenant)
    memory.search("pottery", scope=tenant)
    memory.context("pottery", scope=tenant)
    memory.related(used)
    memory.history(used)
    assert memory.stats().accesses == accesses + 5
    wait_until(lambda: read(memory, used).uses >= 3, "three uses are counted")
    found = read(memory, unused)
    assert found.uses == 0
    assert found.last_used is None
    assert read(memory, used).last_used is not None


def test_a_denial_is_noted(place: Place, memory: Memory, tenant: str) -> None:
    secret = memory.add("secret", scope=tenant, readers=["agent:carol"]).cube_id
    bob = place.open("agent:bob")
    before = bob.stats().accesses
    for _ in range(3):
        with pytest.raises(MemosError):
            bob.get(secret)
    assert bob.stats().accesses == before + 3
    assert read(memory, secret).uses == 0


def test_a_tenant_s_administrator_is_named_in_its_log(
    place: Place, memory: Memory, tenant: str
) -> None:
    secret = memory.add("secret", scope=tenant, readers=["agent:carol"]).cube_id
    bob = place.open("agent:bob")
    with pytest.raises(Denied, match="only an administrator may"):
        bob.grant_administrator(tenant, "agent:bob")
    memory.grant_administrator(tenant, "agent:bob")
    assert bob.administrators(tenant) == ("agent:bob",)
    assert read(bob, secret).text == "secret"
    assert texts(bob.search("secret", scope=tenant)) == ["secret"]
    bob.set_header(secret, priority=1)
    bob.grant_administrator(tenant, "agent:dora")
    with pytest.raises(Denied):
        bob.grant_administrator(f"{tenant}x", "agent:bob")
    with pytest.raises(Denied):
        place.open("agent:bob", tenant=f"{tenant}x").administrators(tenant)
    dora = place.open("agent:dora")
    dora.revoke_administrator(tenant, "agent:bob")
    with pytest.raises(Denied) as refused:
        bob.get(secret)
    assert refused.value.rule == "readers-list"
    assert bob.search("secret", scope=tenant) == []
    told = [(e.kind, e.actor, e.result) for e in memory.events(scope=tenant) if e.cube_id != secret]
    assert told == [
        ("Granted", "agent:alice", "accepted"),
        ("Granted", "agent:bob", "accepted"),
        ("Revoked", "agent:dora", "accepted"),
    ]


def test_a_freeze_yields_to_an_administrator_and_a_hold_to_nobody(
    place: Place, memory: Memory, tenant: str
) -> None:
    bob = place.open("agent:bob")
    frozen, held = (bob.add(text, scope=tenant).cube_id for text in ("frozen", "held"))
    for cube in (frozen, held):
        bob.freeze(cube)
        with pytest.raises(Held):
            bob.update(cube, "changed")
        with pytest.raises(Held):
            bob.erase(cube_id=cube)
    with pytest.raises(Denied):
        bob.hold(held)
    memory.hold(held)
    with pytest.raises(Held, match="legal hold"):
        bob.thaw(held)
    with pytest.raises(Denied):
        bob.lift_hold(held)
    with pytest.raises(Held) as refused:
        memory.erase(cube_id=held)
    assert refused.value.cube_ids == (held,)
    told = memory.erase(cube_id=frozen)
    assert ("freeze", frozen) in {(artefact.kind, artefact.name) for artefact in told.artefacts}
    assert told.verify(memory.verifier_key())
    memory.lift_hold(held)
    bob.update(held, "changed")
    bob.freeze(held)
    bob.thaw(held)
    assert bob.erase(cube_id=held).gone


def test_who_is_named_as_reader_does_not_write(place: Place, memory: Memory, tenant: str) -> None:
    shared = memory.add("shared", scope=tenant, readers=["agent:bob"]).cube_id
    bob = place.open("agent:bob")
    assert read(bob, shared).text == "shared"
    calls: list[Callable[[], Receipt]] = [
        lambda: bob.update(shared, "mine"),
        lambda: bob.tag(shared, "mine"),
        lambda: bob.archive(shared),
    ]
    for call in calls:
        with pytest.raises(Denied) as refused:
            call()
        assert refused.value.rule == "writers-list"
    memory.set_header(shared, writers=["agent:bob"])
    bob.update(shared, "ours")


def test_a_longer_path_is_not_taken_for_its_tenant(
    place: Place, memory: Memory, tenant: str
) -> None:
    path = f"{tenant}/alice"
    asks: list[Callable[[], object]] = [
        lambda: memory.grant_administrator(path, "agent:bob"),
        lambda: memory.revoke_administrator(path, "agent:bob"),
        lambda: memory.administrators(path),
        lambda: memory.set_sensitivities(path, ["public"]),
        lambda: memory.sensitivities(path),
        lambda: place.open(tenant=path),
    ]
    for ask in asks:
        with pytest.raises(InvalidInput, match=rf"is no tenant.*{tenant}"):
            ask()
    assert memory.administrators(tenant) == ()
