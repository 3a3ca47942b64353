"""A right is asked on the state that a change is made of: who lost it meanwhile changes nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from memos import Denied, Memory
from tests.scenarios.place import ADMINISTRATOR, Place, read

Act = Callable[[Memory, str, str], object]
"""What an actor does with a memory and another one."""

WRITES: dict[str, Act] = {
    "append": lambda memory, cube, other: memory.update(cube, "more", mode="append"),
    "overwrite": lambda memory, cube, other: memory.update(cube, "new"),
    "metadata": lambda memory, cube, other: memory.update(cube, metadata={"a": 1}),
    "tag": lambda memory, cube, other: memory.tag(cube, "a"),
    "archive": lambda memory, cube, other: memory.archive(cube),
    "supersede": lambda memory, cube, other: memory.link(cube, other, "supersedes"),
    "merge": lambda memory, cube, other: memory.merge([cube, other]),
    "rollback": lambda memory, cube, other: memory.rollback(cube, to_version=1),
}
GOVERNS: dict[str, Act] = {
    "header": lambda memory, cube, other: memory.set_header(cube, writers=["agent:bob"]),
    "lifespan": lambda memory, cube, other: memory.set_lifespan(cube, after="1d"),
    "freeze": lambda memory, cube, other: memory.freeze(cube),
    "derive": lambda memory, cube, other: memory.link(cube, other, "derived_from"),
}


def before_its_append(
    place: Place, monkeypatch: pytest.MonkeyPatch, memory: Memory, meanwhile: Callable[[], object]
) -> None:
    """Have something done once, when a command of `memory` has asked, and is to append: as late as
    others can come in between.
    """
    writer, waiting = memory._session.engine.writer, [meanwhile]
    in_its_turn = ("commit_whole", "compose") if place.is_embedded else ()

    def first(append: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any) -> Any:
            if waiting:
                waiting.pop()()
            return append(*given)

        return run

    for name in ("commit", "transact", *in_its_turn):
        monkeypatch.setattr(writer, name, first(getattr(writer, name)))


@pytest.mark.parametrize("done", WRITES)
def test_who_may_no_longer_write_when_a_change_is_appended_is_denied_it(
    place: Place, memory: Memory, tenant: str, monkeypatch: pytest.MonkeyPatch, done: str
) -> None:
    bob = place.open("agent:bob")
    cube, other = (memory.add(text, scope=tenant).cube_id for text in ("one", "two"))
    memory.update(cube, "mine")
    before_its_append(
        place, monkeypatch, bob, lambda: memory.set_header(cube, writers=[ADMINISTRATOR])
    )
    with pytest.raises(Denied):
        WRITES[done](bob, cube, other)
    found = read(memory, cube)
    assert (found.text, found.version, found.tags) == ("mine", 3, ())
    assert memory.lineage(cube).edges == ()
    assert read(memory, other).state == "Generated"


@pytest.mark.parametrize("done", GOVERNS)
def test_who_owns_a_memory_no_longer_when_a_change_is_appended_is_denied_it(
    place: Place, memory: Memory, tenant: str, monkeypatch: pytest.MonkeyPatch, done: str
) -> None:
    bob = place.open("agent:bob")
    cube, other = (bob.add(text, scope=tenant).cube_id for text in ("one", "two"))
    before_its_append(place, monkeypatch, bob, lambda: memory.set_header(cube, owner="agent:carol"))
    with pytest.raises(Denied):
        GOVERNS[done](bob, cube, other)
    found = read(memory, cube)
    assert (found.owner, found.version, found.state) == ("agent:carol", 2, "Generated")
    assert (found.writers, found.lifespan) == ((), None)
    assert memory.lineage(cube).edges == ()


@pytest.mark.parametrize("done", [*WRITES, *GOVERNS])
def test_who_keeps_the_right_comes_through_behind_another_writer(
    place: Place, memory: Memory, tenant: str, monkeypatch: pytest.MonkeyPatch, done: str
) -> None:
    bob = place.open("agent:bob")
    cube, other = (bob.add(text, scope=tenant).cube_id for text in ("one", "two"))
    before_its_append(place, monkeypatch, bob, lambda: memory.update(cube, "two"))
    {**WRITES, **GOVERNS}[done](bob, cube, other)
    changes = [change.entry for change in memory.history(cube) if change.entry.result == "accepted"]
    assert [entry.actor for entry in changes[:3]] == ["agent:bob", ADMINISTRATOR, "agent:bob"]
    texts = {"append": "two\nmore", "overwrite": "new", "rollback": "one"}
    assert read(memory, cube, any_state=True).text == texts.get(done, "two")
