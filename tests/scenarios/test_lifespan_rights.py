"""A lifespan ends nothing that whoever set it may not end by hand."""

from __future__ import annotations

from typing import Any

import pytest

from memos import Denied, Forgotten, Memory
from tests.scenarios.place import Place, read
from tests.scenarios.test_authority import DAY, Clock, is_gone

AL, BOB, EVE = "agent:al", "agent:bob", "agent:eve"
BRIEF = {"after": "30d", "then": "erase"}


@pytest.mark.parametrize("given", ["with the memory", "later"])
def test_a_lifespan_erases_nothing_that_its_setter_has_given_away(
    place: Place, memory: Memory, tenant: str, given: str
) -> None:
    clock, al, bob = Clock(), place.open(AL), place.open(BOB)
    if given == "later":
        cube = al.add("a company record", scope=tenant).cube_id
        al.set_lifespan(cube, "30d", then="erase")
    else:
        cube = al.add("a company record", scope=tenant, lifespan=BRIEF).cube_id
    al.set_header(cube, owner=BOB, readers=[BOB], writers=[BOB])
    derived = bob.add("of the record", scope=tenant, derived_from=[cube]).cube_id
    with pytest.raises(Denied):
        al.erase(cube_id=cube)
    clock.ahead = 31 * DAY
    later = place.open(clock=clock, tenant=tenant)
    for _ in range(2):
        swept = later.sweep()
        assert (swept.erased, swept.archived, swept.expired, swept.left) == ((), (), (), ())
        assert set(swept.held) == {cube, derived}
    assert read(bob, cube).text == "a company record"
    assert read(bob, derived).text == "of the record"
    bob.set_lifespan(cube, "1us", then="erase")  # what its owner says, is done
    assert set(later.sweep().erased) == {cube, derived}


@pytest.mark.parametrize("then", ["archive", "expire"])
def test_a_lifespan_puts_nothing_out_of_sight_that_its_setter_may_not_change(
    place: Place, memory: Memory, tenant: str, then: str
) -> None:
    clock, al = Clock(), place.open(AL)
    span = {"after": "1d", "then": then}
    given, open_to_all = (al.add(text, scope=tenant, lifespan=span).cube_id for text in "ab")
    al.set_header(given, owner=BOB, writers=[BOB])
    al.set_header(open_to_all, owner=BOB)
    clock.ahead = 2 * DAY
    swept = place.open(clock=clock, tenant=tenant).sweep()
    assert (swept.held, {*swept.archived, *swept.expired}) == ((given,), {open_to_all})
    assert read(memory, given).state == "Generated"


@pytest.mark.parametrize("way", ["add", "add_many"])
def test_a_memory_that_is_anothers_is_given_a_lifespan_by_an_administrator_only(
    place: Place, memory: Memory, tenant: str, way: str
) -> None:
    def make(by: Memory) -> str:
        item: dict[str, Any] = {
            "text": "given",
            "scope": tenant,
            "owner": AL,
            "lifespan": {"after": "1d", "then": "erase"},
        }
        return (by.add(**item) if way == "add" else by.add_many([item])[0]).cube_id

    clock, eve = Clock(), place.open(EVE)
    before = len(list(memory.events()))
    with pytest.raises(Denied, match=f"with a lifespan for {AL}"):
        make(eve)
    assert len(list(memory.events())) == before
    kept = eve.add("given", scope=tenant, owner=AL).cube_id
    own = eve.add("hers", scope=tenant, owner=EVE, lifespan=BRIEF).cube_id
    made = make(memory)
    clock.ahead = 31 * DAY
    assert set(place.open(clock=clock, tenant=tenant).sweep().erased) == {made, own}
    assert read(memory, kept).text == "given"


def test_a_lifespan_that_comes_with_a_source_of_hers_erases_nothing_that_eve_gives(
    place: Place, memory: Memory, tenant: str
) -> None:
    clock, eve = Clock(), place.open(EVE)
    bait = eve.add("bait", scope=tenant, lifespan=BRIEF).cube_id
    given = eve.add("given", scope=tenant, owner=AL, derived_from=[bait]).cube_id
    clock.ahead = 31 * DAY
    swept = place.open(clock=clock, tenant=tenant).sweep()
    assert (swept.erased, swept.held, swept.left) == ((bait,), (given,), (given,))
    assert read(memory, given).text == "given"


def test_what_is_made_of_a_memory_that_ends_ends_with_it_whoever_owns_it(
    place: Place, memory: Memory, tenant: str
) -> None:
    clock, al, bob = Clock(), place.open(AL), place.open(BOB)
    source = al.add("for a while", scope=tenant, lifespan=BRIEF).cube_id
    derived = bob.add("of it", scope=tenant, derived_from=[source]).cube_id
    clock.ahead = 31 * DAY
    swept = place.open(clock=clock, tenant=tenant).sweep()
    assert (set(swept.erased), swept.held) == ({source, derived}, ())
    assert is_gone(memory, source)
    assert isinstance(memory.get(derived), Forgotten)


def test_who_was_an_administrator_when_they_set_a_lifespan_erases_nothing_any_more(
    place: Place, memory: Memory, tenant: str
) -> None:
    clock, bob = Clock(), place.open(BOB)
    memory.grant_administrator(tenant, AL)
    cube = bob.add("Bob's", scope=tenant).cube_id
    place.open(AL).set_lifespan(cube, "1d", then="erase")
    memory.revoke_administrator(tenant, AL)
    clock.ahead = 2 * DAY
    later = place.open(clock=clock, tenant=tenant)
    assert later.sweep().held == (cube,)
    memory.grant_administrator(tenant, AL)
    assert later.sweep().erased == (cube,)
