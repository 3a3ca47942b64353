"""The access log and the log of changes, as those read them whom they concern."""

from __future__ import annotations

import pytest

from memos import AccessEntry, Denied, Memory, NotFound
from tests.scenarios.place import Place, texts

BOB, CAROL = "agent:bob", "agent:carol"


def who(entries: list[AccessEntry]) -> list[tuple[str, str]]:
    return [(entry.actor, entry.action) for entry in entries]


def test_an_owner_and_an_administrator_see_who_read_a_memory(place: Place, tenant: str) -> None:
    alice = place.open()
    bob, carol = alice.as_actor(BOB), alice.as_actor(CAROL)
    tea = bob.add("tea at five", scope=tenant)
    bread = alice.add("bread at tea", scope=tenant, readers=["agent:alice"])
    carol.get(tea.cube_id)
    alice.search("tea", scope=tenant)
    carol.list(scope=tenant)
    seen = bob.accesses(cube_id=tea.cube_id)
    assert who(seen) == [(CAROL, "get"), ("agent:alice", "search"), (CAROL, "list")]
    assert seen[0].cubes == ((tea.cube_id, 1),)
    assert seen[1].cubes == ((tea.cube_id, 1),)  # and not what bob may not read
    (searched,) = alice.accesses(cube_id=bread.cube_id)
    assert {cube_id for cube_id, _ in searched.cubes} == {tea.cube_id, bread.cube_id}
    assert who(alice.accesses(actor=CAROL, scope=tenant, limit=1)) == [(CAROL, "list")]
    assert alice.accesses(actor=CAROL, scope=tenant, until=seen[0].time) == []


def test_others_see_their_own_accesses_and_nobody_elses(place: Place, tenant: str) -> None:
    alice = place.open()
    carol = alice.as_actor(CAROL)
    tea = alice.add("tea at five", scope=tenant)
    alice.get(tea.cube_id)
    carol.get(tea.cube_id)
    assert who(carol.accesses(scope=tenant)) == [(CAROL, "get")]
    assert who(carol.accesses(cube_id=tea.cube_id, actor=CAROL)) == [(CAROL, "get")]
    with pytest.raises(Denied, match="owner or an administrator"):
        carol.accesses(cube_id=tea.cube_id)
    with pytest.raises(Denied, match="whoever asks for their own"):
        carol.accesses(actor="agent:alice")
    with pytest.raises(NotFound):
        carol.as_actor(CAROL, tenant="elsewhere").accesses(cube_id=tea.cube_id)


def test_a_denial_is_shown_to_who_owns_the_memory_and_not_to_whom_it_is_hidden(
    place: Place, tenant: str
) -> None:
    alice = place.open()
    bob, carol = alice.as_actor(BOB), alice.as_actor(CAROL)
    secret = bob.add("the code is 4711", scope=tenant, readers=[BOB])
    shared = bob.add("tea at five", scope=tenant, writers=[BOB])
    for call in (
        lambda: carol.get(secret.cube_id),
        lambda: carol.update(shared.cube_id, "tea at six"),
    ):
        with pytest.raises(Denied):
            call()
    (denied,) = bob.denials(cube_id=secret.cube_id)
    assert (denied.actor, denied.action, denied.rule) == (CAROL, "get", "readers-list")
    assert [entry.rule for entry in alice.denials(scope=tenant)] == ["readers-list", "writers-list"]
    assert [entry.rule for entry in carol.denials(scope=tenant)] == ["writers-list"]
    assert bob.accesses(cube_id=secret.cube_id) == []


def test_the_log_and_a_history_tell_why_a_change_was_made_and_where_it_is_from(
    memory: Memory, tenant: str
) -> None:
    made = memory.add("tea at five", scope=tenant, source="chat:7", metadata={"by": "ann"})
    memory.update(
        made.cube_id, "tea at six", reason="she said so", source="chat:8", metadata={"sure": True}
    )
    memory.archive(made.cube_id)
    entries = list(memory.events(cube_id=made.cube_id))
    assert [(entry.reason, entry.source) for entry in entries] == [
        ("", "chat:7"),
        ("she said so", "chat:8"),
        ("", ""),
    ]
    assert entries[0].metadata == {"by": "ann"}
    assert entries[1].metadata == {"by": "ann", "sure": True}
    assert [change.entry for change in memory.history(made.cube_id)] == entries
    memory.erase(cube_id=made.cube_id)
    for entry in memory.events(cube_id=made.cube_id):
        assert (entry.reason, entry.source, entry.metadata) == ("", "", {})
    assert texts(memory.search("tea", scope=tenant)) == []
