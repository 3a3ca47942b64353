"""A change of a lifespan changes what is passed of it."""

from __future__ import annotations

import pytest

from memos import InvalidInput, Memory
from memos.kernel.cube import Lifespan, LifespanEnd
from tests.scenarios.place import Place, read
from tests.scenarios.test_authority import DAY, Clock

SPAN = {"after": "30d", "then": "erase", "half_life": "3d", "renewed_by_access": True}


def span(memory: Memory, cube_id: str) -> Lifespan:
    found = read(memory, cube_id).lifespan
    assert found is not None
    return found


def test_what_is_not_passed_of_a_lifespan_stays(place: Place, memory: Memory, tenant: str) -> None:
    clock = Clock()
    later = place.open(clock=clock)
    cube = memory.add("brief", scope=tenant, lifespan=SPAN).cube_id
    first = span(memory, cube)
    clock.ahead = DAY
    later.set_lifespan(cube, "40d")
    second = span(memory, cube)
    assert second == first._replace(after=40 * DAY, since=second.since)
    assert second.since >= first.since + DAY
    clock.ahead = 2 * DAY
    later.set_lifespan(cube, half_life="5d")
    assert span(memory, cube) == second._replace(half_life=5 * DAY)
    later.set_lifespan(cube, then="expire", renewed_by_access=False)
    third = second._replace(half_life=5 * DAY, then=LifespanEnd.EXPIRE, renewed_by_access=False)
    assert span(memory, cube) == third
    later.set_lifespan(cube, half_life="")
    assert span(memory, cube) == third._replace(half_life=0)
    later.set_lifespan(cube, half_life="2d", after="")
    assert (span(memory, cube).after, span(memory, cube).half_life) == (0, 2 * DAY)
    later.set_lifespan(cube)
    assert read(memory, cube).lifespan is None


def test_how_a_memory_ends_is_not_said_of_one_that_has_no_end(memory: Memory, tenant: str) -> None:
    cube = memory.add("for ever", scope=tenant).cube_id
    with pytest.raises(InvalidInput, match="pass after="):
        memory.set_lifespan(cube, then="erase")
    memory.set_lifespan(cube, "1d", then="erase")
    with pytest.raises(InvalidInput, match="pass after="):
        memory.set_lifespan(cube, after="", renewed_by_access=True)
    assert span(memory, cube).then is LifespanEnd.ERASE
