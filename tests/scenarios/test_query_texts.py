"""The texts of queries: not kept by default, kept apart where a vault keeps them, gone with an erase."""

from __future__ import annotations

import time

import pytest

from memos import Denied, InvalidInput, Memory
from memos.infrastructure.governance.access_log import Access
from tests.scenarios.place import Place, read

DAY = 86_400_000_000


def asked(memory: Memory, scope: str) -> list[str]:
    return [query.text for query in memory.queries(scope)]


def test_texts_of_queries_are_kept_only_where_asked_for_and_an_erase_takes_them(
    place: Place, memory: Memory, tenant: str
) -> None:
    memory.keep_queries(None)
    ann, bob = (
        memory.add(text, scope=f"{tenant}/{name}")
        for text, name in (("the flu", "ann"), ("a cold", "bob"))
    )
    memory.search("who has the flu?", scope=tenant)
    assert asked(memory, tenant) == []
    memory.keep_queries("7d")
    try:
        memory.search("who has the flu?", scope=tenant)
        memory.search("who has a cold?", scope=f"{tenant}/bob")
        memory.search("nothing of it", scope=f"{tenant}/carol")
        memory.context("nothing at all", scope=f"{tenant}/dora", budget_tokens=100)
        texts = ["who has the flu?", "who has a cold?", "nothing of it", "nothing at all"]
        assert asked(memory, tenant) == texts
        assert asked(memory, f"{tenant}/bob") == ["who has a cold?"]
        other = place.open("agent:bob", tenant=tenant)
        for refused in (lambda: other.queries(tenant), other.keep_queries):
            with pytest.raises(Denied):
                refused()
        with pytest.raises(InvalidInput, match="30d at most"):
            memory.keep_queries("31d")
        memory.erase(cube_id=ann.cube_id)
        assert asked(memory, tenant) == ["who has a cold?", "nothing of it", "nothing at all"]
        memory.add("something", scope=f"{tenant}/carol/a")
        memory.erase(scope=f"{tenant}/carol")
        assert asked(memory, tenant) == ["who has a cold?", "nothing at all"]
        later = place.open(clock=lambda: time.time_ns() // 1000 + 8 * DAY)
        assert asked(later, tenant) == []
        assert bob.cube_id
    finally:
        memory.keep_queries(None)
    assert asked(memory, tenant) == []


def test_the_text_of_a_query_that_is_written_after_an_erase_is_not_kept(
    place: Place, memory: Memory, tenant: str
) -> None:
    other = place.open()
    erased = memory.add("the flu", scope=tenant)
    memory.keep_queries()
    try:
        other.search("who has the flu?", scope=tenant)
        waiting = list(other._session.access_log._waiting)
        other._session.access_log.flush()
        memory.erase(cube_id=erased.cube_id)
        other._session.access_log._waiting.extend(waiting)
        other._session.access_log.flush()
        assert asked(memory, tenant) == []
    finally:
        memory.keep_queries(None)


def test_a_query_that_waits_in_another_process_goes_with_the_scope_that_it_searched(
    place: Place, memory: Memory, tenant: str
) -> None:
    other = place.open()
    memory.add("the flu", scope=f"{tenant}/ward")
    memory.keep_queries()
    try:
        waiting: list[Access] = []
        for scope in (f"{tenant}/ward/two", f"{tenant}/ward", tenant, f"{tenant}/wards"):
            other.search("anything of the flood?", scope=scope)
            waiting += other._session.access_log._waiting
            other._session.access_log._waiting.clear()
        memory.erase(scope=f"{tenant}/ward")
        other._session.access_log._waiting.extend(waiting)
        other._session.access_log.flush()
        assert [query.scope for query in memory.queries(tenant)] == [f"{tenant}/wards"]
    finally:
        memory.keep_queries(None)


@pytest.mark.parametrize("door", ["context", "route"])
def test_a_query_goes_with_a_memory_that_its_answer_only_named(
    memory: Memory, tenant: str, door: str
) -> None:
    cubes = [memory.add(f"the flu, case {n}", scope=tenant).cube_id for n in range(3)]
    memory.keep_queries()
    try:
        if door == "context":
            block = memory.context("who has the flu?", scope=tenant, budget_tokens=1)
            assert {cite.cube_id for cite in block.left_out} == set(cubes)
        else:
            way = memory.route("who has the flu?", scope=tenant, budget_tokens=1)
            assert set(way.left_out) == set(cubes)
        assert asked(memory, tenant) == ["who has the flu?"]
        memory.erase(cube_id=cubes[1])
        assert asked(memory, tenant) == []
        assert [read(memory, cube).uses for cube in cubes[::2]] == [0, 0]
    finally:
        memory.keep_queries(None)
