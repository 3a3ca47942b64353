"""Whose word ends a memory: erases along lineage, lifespans, and the sweep."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from memos import Denied, Forgotten, Held, Memory
from memos.infrastructure.engine.commit import Draft
from memos.kernel.event import Kind, id_bytes
from memos.kernel.lineage import Relation
from memos.operation.commands.draft import SourceVersion, add_sources, new_event
from tests.scenarios.place import Place, read

DAY = 86_400_000_000


class Clock:
    """The vault's clock, which a test moves on."""

    def __init__(self) -> None:
        self.ahead = 0

    def __call__(self) -> int:
        return time.time_ns() // 1000 + self.ahead


def link_unbound(memory: Memory, cube_id: str, other_id: str) -> None:
    """Tie a cube to another as releases before did: whoever could write it could."""
    session = memory._session
    scope = read(memory, cube_id).scope
    event = new_event(session, Kind.LINKED, id_bytes(cube_id), scope)
    add_sources(event, [SourceVersion(Relation.DERIVED_FROM, id_bytes(other_id), 1, b"")])
    session.engine.writer.commit([Draft(event)])


def is_gone(memory: Memory, cube_id: str) -> bool:
    return isinstance(memory.get(cube_id, any_state=True), Forgotten)


@pytest.mark.parametrize("relation", ["derived_from", "quoted_from", "merged_into"])
def test_only_who_decides_over_a_memory_ties_it_to_sources(
    place: Place, memory: Memory, tenant: str, relation: str
) -> None:
    alices = memory.add("Alice's notes", scope=tenant).cube_id
    eve = place.open("agent:eve")
    bait = eve.add("bait", scope=tenant).cube_id
    with pytest.raises(Denied, match="owner-only"):
        eve.link(alices, bait, relation)
    eve.link(alices, bait, "supersedes")
    eve.erase(cube_id=bait)
    assert read(memory, alices).text == "Alice's notes"
    memory.link(alices, eve.add("a source", scope=tenant).cube_id, relation)


def test_who_makes_a_memory_binds_it_to_the_sources_that_they_name(
    place: Place, memory: Memory, tenant: str
) -> None:
    eve = place.open("agent:eve")
    source = eve.add("Eve's words", scope=tenant, subject=f"eve-{tenant}").cube_id
    summary = memory.add("of Eve's words", scope=tenant, derived_from=[source]).cube_id
    told = eve.erase(subject=f"eve-{tenant}")
    assert set(told.cube_ids) == {source, summary}
    assert (told.gone, told.left) == (True, ())
    assert is_gone(memory, summary)


def test_an_edge_of_one_who_could_not_decide_carries_no_erase(
    place: Place, memory: Memory, tenant: str
) -> None:
    eve = place.open("agent:eve")
    alices = memory.add("Alice's notes", scope=tenant).cube_id
    further = memory.add("of them", scope=tenant, derived_from=[alices]).cube_id
    baits = [eve.add(f"bait {n}", scope=tenant).cube_id for n in range(2)]
    for bait in baits:
        link_unbound(eve, alices, bait)
    told = eve.erase(cube_id=baits[0])
    assert (told.cube_ids, told.gone, told.left) == ((baits[0],), False, ())
    told = memory.erase(cube_id=baits[1])
    assert (told.cube_ids, told.gone) == ((baits[1],), False)
    assert set(told.left) == {alices, further}
    assert read(memory, alices).text == "Alice's notes"


def test_an_older_edge_of_the_owner_carries_an_erase(memory: Memory, tenant: str) -> None:
    source = memory.add("a source", scope=tenant).cube_id
    linked = memory.add("linked later", scope=tenant).cube_id
    link_unbound(memory, linked, source)
    assert set(memory.erase(cube_id=source).cube_ids) == {source, linked}


def test_only_an_administrator_sweeps_and_only_their_tenants(
    place: Place, memory: Memory, tenant: str
) -> None:
    clock, rival = Clock(), f"{tenant}x"
    span = {"after": "1d", "then": "expire"}
    mine, theirs = (memory.add("brief", scope=s, lifespan=span).cube_id for s in (tenant, rival))
    clock.ahead = 2 * DAY
    refused: list[Callable[[], Memory]] = [
        lambda: place.open("agent:eve", clock=clock),
        lambda: place.open("agent:eve", tenant=rival, clock=clock),
        lambda: place.open("agent:bob", tenant=rival, clock=clock),
    ]
    memory.grant_administrator(tenant, "agent:bob")
    for opened in refused:
        with pytest.raises(Denied, match="only an administrator"):
            opened().sweep()
    swept = place.open("agent:bob", clock=clock).sweep()
    assert mine in swept.expired
    assert theirs not in swept.expired
    now = place.open(clock=clock, tenant=rival)
    assert read(now, theirs, any_state=True).state == "Generated"
    assert now.sweep().expired == (theirs,)


def test_a_lifespan_erases_with_the_right_of_who_set_it(
    place: Place, memory: Memory, tenant: str
) -> None:
    clock = Clock()
    eve = place.open("agent:eve")
    span = {"after": "1d", "then": "erase"}
    bait = eve.add("bait", scope=tenant, lifespan=span).cube_id
    taken = memory.add("Alice's summary", scope=tenant, derived_from=[bait]).cube_id
    hers = eve.add("Eve's summary", scope=tenant, derived_from=[bait]).cube_id
    for cube in (taken, hers):  # only the bait ends
        memory.set_lifespan(cube)
    governed = eve.add("governed", scope=tenant).cube_id
    reached = memory.add("of it", scope=tenant, derived_from=[governed]).cube_id
    memory.set_lifespan(governed, "1d", then="erase")
    clock.ahead = 2 * DAY
    swept = place.open(clock=clock, tenant=tenant).sweep()
    assert set(swept.erased) == {bait, hers, governed, reached}
    assert swept.left == (taken,)
    assert read(memory, taken).text == "Alice's summary"
    assert is_gone(memory, reached)


def test_a_lifespan_of_an_owner_ends_no_freeze_and_no_hold(
    place: Place, memory: Memory, tenant: str
) -> None:
    clock, bob = Clock(), place.open("agent:bob")
    frozen, held = (
        bob.add(text, scope=tenant, lifespan={"after": "1d", "then": "erase"}).cube_id
        for text in ("frozen", "held")
    )
    bob.freeze(frozen)
    memory.hold(held)
    clock.ahead = 2 * DAY
    later = place.open(clock=clock, tenant=tenant)
    swept = later.sweep()
    assert (swept.erased, set(swept.held)) == ((), {frozen, held})
    assert [read(later, cube).text for cube in (frozen, held)] == ["frozen", "held"]
    bob.thaw(frozen)
    assert later.sweep().erased == (frozen,)


def test_a_lifespan_of_an_administrator_ends_freezes_and_no_hold(
    place: Place, memory: Memory, tenant: str
) -> None:
    clock, bob, carol = Clock(), place.open("agent:bob"), place.open("agent:carol")
    memory.grant_administrator(tenant, "agent:dora")
    dora = place.open("agent:dora")
    kept, derived_from_kept, held = (bob.add(text, scope=tenant).cube_id for text in "abc")
    copy = carol.add("a copy", scope=tenant, derived_from=[derived_from_kept]).cube_id
    for cube in (kept, derived_from_kept, held):
        dora.set_lifespan(cube, "1d", then="erase")
    bob.freeze(kept)
    carol.freeze(copy)
    memory.hold(held)
    clock.ahead = 2 * DAY
    swept = place.open(clock=clock, tenant=tenant).sweep()
    assert set(swept.erased) == {kept, derived_from_kept, copy}
    assert swept.held == (held,)
    assert is_gone(memory, kept)
    assert read(memory, held).text == "c"


def test_who_was_an_administrator_when_they_set_a_lifespan_ends_no_freeze_any_more(
    place: Place, memory: Memory, tenant: str
) -> None:
    clock, bob = Clock(), place.open("agent:bob")
    memory.grant_administrator(tenant, "agent:dora")
    frozen = bob.add("frozen", scope=tenant).cube_id
    place.open("agent:dora").set_lifespan(frozen, "1d", then="erase")
    bob.freeze(frozen)
    memory.revoke_administrator(tenant, "agent:dora")
    clock.ahead = 2 * DAY
    assert place.open(clock=clock, tenant=tenant).sweep().held == (frozen,)
    assert read(memory, frozen).text == "frozen"


def test_a_freeze_of_a_copy_keeps_nothing_of_what_the_owner_of_its_source_erases(
    place: Place, memory: Memory, tenant: str
) -> None:
    bob, carol = place.open("agent:bob"), place.open("agent:carol")
    source = bob.add("Bob's words", scope=tenant).cube_id
    copy = carol.add("of Bob's words", scope=tenant, derived_from=[source]).cube_id
    carol.freeze(copy)
    bob.freeze(source)
    with pytest.raises(Held):
        bob.erase(cube_id=source)  # his own freeze is his to end
    assert read(carol, copy).state == "Frozen"
    bob.thaw(source)
    memory.hold(copy)
    with pytest.raises(Held):
        bob.erase(cube_id=source)
    memory.lift_hold(copy)
    carol.freeze(copy)
    told = bob.erase(cube_id=source)
    assert set(told.cube_ids) == {source, copy}
    assert ("freeze", copy) in {(artefact.kind, artefact.name) for artefact in told.artefacts}
    assert (told.gone, told.left) == (True, ())
    assert is_gone(memory, copy)
    assert told.verify(memory.verifier_key())


def test_a_rollback_brings_header_facts_back_only_for_who_decides_over_the_memory(
    place: Place, memory: Memory, tenant: str
) -> None:
    bob = place.open("agent:bob")
    cube = bob.add("first", scope=tenant).cube_id
    bob.update(cube, "second")
    bob.set_header(cube, sensitivity="secret", priority=3, writers=["agent:carol"])
    bob.set_lifespan(cube, "90d")
    carol = place.open("agent:carol")
    planned = carol.rollback(cube, to_version=1, dry_run=True)
    done = carol.rollback(cube, to_version=1)
    assert (planned.headers_kept, done.headers_kept) == ((cube,), (cube,))
    assert "keeps its header" in str(done)
    after = read(memory, cube)
    assert after.text == "first"
    assert (after.sensitivity, after.priority, after.writers) == ("secret", 3, ("agent:carol",))
    assert after.lifespan is not None
    with pytest.raises(Denied):
        place.open("agent:eve").rollback(cube, to_version=1)
    assert bob.rollback(cube, to_version=1).headers_kept == ()
    after = read(memory, cube)
    assert (after.sensitivity, after.priority, after.writers) == ("", 0, ())
    assert after.lifespan is None


def test_an_undo_by_actor_or_stretch_governs_only_for_an_administrator(
    place: Place, memory: Memory, tenant: str
) -> None:
    bob = place.open("agent:bob")
    cube = bob.add("first", scope=tenant).cube_id
    untouched = bob.add("header only", scope=tenant).cube_id
    text = memory.update(cube, "by the administrator")
    memory.set_header(cube, owner="agent:dora", priority=7)
    memory.set_header(cube, owner="agent:bob")
    memory.set_header(untouched, priority=7)
    for undone in ({"actor": "agent:alice"}, {"since": str(text.position)}):
        told = bob.rollback(scope=tenant, dry_run=True, **undone)  # type: ignore[arg-type]
        assert set(told.headers_kept) == {cube, untouched}
        assert [change.cube_id for change in told.changes] == [cube]
    bob.rollback(actor="agent:alice", scope=tenant)
    after = read(memory, cube)
    assert (after.text, after.priority, after.owner) == ("first", 7, "agent:bob")
    changed = bob.set_header(cube, priority=9)
    assert bob.rollback(operation=changed.operation_id).headers_kept == ()
    assert read(memory, cube).priority == 7
    assert memory.rollback(actor="agent:alice", scope=tenant).headers_kept == ()
    assert read(memory, untouched).priority == 0


def test_a_link_speaks_of_the_content_that_was_there_before_it(memory: Memory, tenant: str) -> None:
    source = memory.add("the source", scope=tenant).cube_id
    middle = memory.add("in the middle", scope=tenant).cube_id
    copy = memory.add("of the middle", scope=tenant, derived_from=[middle]).cube_id
    memory.tag(middle, "later")
    memory.link(middle, source)
    receipt = memory.erase(cube_id=source)
    assert set(receipt.cube_ids) == {source, middle, copy}
    assert (receipt.gone, receipt.left) == (True, ())


def test_a_lifespan_that_a_rollback_brings_back_is_of_who_had_set_it(
    place: Place, memory: Memory, tenant: str
) -> None:
    clock = Clock()
    eve = place.open("agent:eve")
    bait = eve.add("bait", scope=tenant).cube_id
    taken = memory.add("Alice's summary", scope=tenant, derived_from=[bait]).cube_id
    eve.set_lifespan(bait, "1d", then="erase")
    memory.rollback(operation=eve.set_lifespan(bait).operation_id)
    assert read(memory, bait).lifespan is not None
    clock.ahead = 2 * DAY
    swept = place.open(clock=clock, tenant=tenant).sweep()
    assert (swept.erased, swept.left) == ((bait,), (taken,))
    assert read(memory, taken).text == "Alice's summary"


def test_a_lifespan_that_came_with_a_source_gets_no_right_of_who_merged_it(
    place: Place, memory: Memory, tenant: str
) -> None:
    clock = Clock()
    eve, bob = place.open("agent:eve"), place.open("agent:bob")
    span = {"after": "1d", "then": "erase"}
    baits = [eve.add(f"bait {n}", scope=tenant, lifespan=span).cube_id for n in range(2)]
    merged = memory.merge(baits, text="both baits").cube_id
    bobs = bob.add("Bob's summary", scope=tenant, derived_from=[merged]).cube_id
    memory.set_lifespan(bobs)
    clock.ahead = 2 * DAY
    swept = place.open(clock=clock, tenant=tenant).sweep()
    assert merged in swept.erased
    assert bobs not in swept.erased
    assert swept.left == (bobs,)
    assert read(memory, bobs).text == "Bob's summary"
