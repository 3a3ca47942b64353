"""A link that is undone ends: no erase, no undo, no subject and no read goes along it any more."""

from __future__ import annotations

import pytest

from memos import Denied, Memory, Rollback
from tests.scenarios.place import Place, read


def sources(memory: Memory, cube_id: str) -> list[str]:
    """What the lineage of a memory says that it is from."""
    return [edge.source[0] for edge in memory.lineage(cube_id, direction="upstream").edges]


def test_an_actors_link_is_undone_and_carries_no_erase(place: Place, memory: Memory) -> None:
    tenant, rogue = place.tenant, f"agent:mal-{place.tenant}"
    mal = place.open(rogue)
    owner, eve = place.open("agent:owner"), place.open("agent:eve")
    kept = owner.add("The owner's own.", scope=tenant).cube_id
    readers = ["agent:owner", rogue]
    bait = eve.add("A bait.", scope=tenant, subject="eve", readers=readers).cube_id
    memory.grant_administrator(tenant, rogue)
    linked = mal.link(kept, bait)
    memory.revoke_administrator(tenant, rogue)
    assert sources(memory, kept) == [bait]
    assert read(memory, kept).readers == (
        "agent:eve",
        rogue,
    )  # as strict as what it is said to be of
    planned = memory.rollback(actor=rogue, dry_run=True)
    done = memory.rollback(actor=rogue)
    for told in (planned, done):
        assert [(c.cube_id, c.unlinks) for c in told.changes] == [(kept, True)]
    assert "nothing to undo" not in str(planned)
    assert sources(memory, kept) == []
    assert memory.lineage(bait).edges == ()
    assert read(owner, kept).readers == ()
    assert memory.rollback(operation=linked.operation_id).changes == ()
    receipt = eve.erase(subject="eve")
    assert (receipt.cube_ids, receipt.left) == ((bait,), ())
    assert read(owner, kept).text == "The owner's own."
    assert memory.verify().ok
    if place.is_embedded:
        assert memory.audit().ok
        assert memory.digest() == memory.rebuild().digest
        assert sources(memory, kept) == []


@pytest.mark.parametrize("relation", ["derived_from", "quoted_from", "supersedes"])
def test_an_operation_s_link_is_undone_and_can_be_made_again(
    memory: Memory, tenant: str, relation: str
) -> None:
    first = memory.add("one", scope=tenant).cube_id
    second = memory.add("two", scope=tenant).cube_id
    for _ in range(2):
        linked = memory.link(second, first, relation)
        assert sources(memory, second) == [first]
        (change,) = memory.rollback(operation=linked.operation_id).changes
        assert (change.action, change.cube_id, change.unlinks) == ("unlink", second, True)
        assert "links of it end" in str(change)
        assert sources(memory, second) == []
    assert read(memory, second).text == "two"
    memory.link(second, first, relation)
    erased = memory.erase(cube_id=first).cube_ids
    assert set(erased) == ({first} if relation == "supersedes" else {first, second})


def test_undoing_a_bait_and_its_link_leaves_what_was_tied_to_it(
    place: Place, memory: Memory, tenant: str
) -> None:
    rogue = f"agent:mal-{tenant}"
    mal = place.open(rogue)
    memory.grant_administrator(tenant, rogue)
    kept = memory.add("clean", scope=tenant, tags=["mine"]).cube_id
    bait = mal.add("bait", scope=tenant).cube_id
    mal.link(kept, bait)
    done = memory.rollback(actor=rogue)
    assert {(c.cube_id, c.action) for c in done.changes} == {(bait, "archive"), (kept, "unlink")}
    assert read(memory, kept).text == "clean"


def test_of_two_links_that_say_the_same_the_other_one_stays(memory: Memory, tenant: str) -> None:
    first = memory.add("one", scope=tenant, subject="first").cube_id
    second = memory.add("two", scope=tenant).cube_id
    memory.link(second, first)
    again = memory.link(second, first)
    assert memory.rollback(operation=again.operation_id).changes == ()
    assert sources(memory, second) == [first]
    assert set(memory.erase(subject="first").cube_ids) == {first, second}


def test_a_rollback_tells_of_links_that_another_ended_and_not_of_those_that_it_ends(
    place: Place, memory: Memory
) -> None:
    tenant, bob = place.tenant, place.open("agent:bob")
    first = bob.add("one", scope=tenant).cube_id
    second = bob.add("two", scope=tenant).cube_id
    linked = bob.link(second, first)
    own = bob.rollback(operation=linked.operation_id)
    assert (own.links_ended, sources(memory, second)) == ((), [])
    (operation,) = own.operation_ids
    assert memory.rollback(operation=operation).links_ended == (second,)
    bob.link(second, first)
    assert memory.rollback(operation=operation).links_ended == ()
    of_actor = memory.rollback(actor="agent:bob", scope=tenant, dry_run=True)
    assert (
        of_actor.links_ended == memory.rollback(actor="agent:bob", scope=tenant).links_ended == ()
    )


def test_who_could_not_tie_a_memory_does_not_untie_it(place: Place, memory: Memory) -> None:
    tenant, owner, bob = place.tenant, place.open("agent:owner"), place.open("agent:bob")
    source = memory.add("one", scope=tenant).cube_id
    derived = owner.add("two", scope=tenant).cube_id
    linked = owner.link(derived, source)
    with pytest.raises(Denied):
        bob.link(derived, source)
    told: Rollback = bob.rollback(operation=linked.operation_id)
    assert (told.changes, told.headers_kept) == ((), (derived,))
    assert sources(memory, derived) == [source]
    assert [c.cube_id for c in owner.rollback(operation=linked.operation_id).changes] == [derived]
    assert sources(memory, derived) == []
