"""Another writer comes between what a command reads and what it writes: nothing acknowledged is lost."""

from __future__ import annotations

from collections.abc import Callable
from threading import Thread

import pytest

from memos import IllegalMove, MemCube, Memory, MemosError
from memos.infrastructure.governance.decision import (
    Action,
    Decision,
    HeaderRules,
    Resource,
    Subject,
)
from tests.scenarios.place import ADMINISTRATOR, Place, read

HEAD_START_SECONDS = {"embedded": 0.5, "distributed": 5}
"""How long a command is held up for another writer: on one engine that one must wait for its turn."""


class Meanwhile(HeaderRules):
    """The rules of headers; the first time that a decision is asked for, another writer writes.

    What it comes to is in `errors` after `wait`.

    Args:
        place: where.
        operation: in which call.
        action: which decision.
        write: what the other writer does.
        cube_id: about which memory; empty for any.
    """

    def __init__(
        self,
        place: Place,
        operation: str,
        action: Action,
        write: Callable[[], object],
        cube_id: str = "",
    ) -> None:
        super().__init__([ADMINISTRATOR])
        self._head_start = HEAD_START_SECONDS[place.engine]
        self._operation = operation
        self._action = action
        self._write = write
        self._cube_id = cube_id
        self._thread: Thread | None = None
        self.errors: list[MemosError] = []

    def decide(
        self, subject: Subject, action: Action, resource: Resource, context: dict[str, str]
    ) -> Decision:
        """Decide as the headers say."""
        asked = (action, context["operation"]) == (self._action, self._operation)
        if asked and self._cube_id in ("", resource.cube_id) and not self._thread:
            self._thread = Thread(target=self._run)
            self._thread.start()
            self._thread.join(self._head_start)
        return super().decide(subject, action, resource, context)

    def wait(self) -> None:
        """Until the other writer is done."""
        assert self._thread is not None
        self._thread.join()

    def _run(self) -> None:
        try:
            self._write()
        except MemosError as error:
            self.errors.append(error)


def shown(memory: Memory, *cube_ids: str) -> str:
    """The texts of those memories that are in sight."""
    found = [read(memory, cube_id, any_state=True) for cube_id in cube_ids]
    return "\n".join(cube.text for cube in found if cube.state in ("Generated", "Activated"))


@pytest.mark.parametrize("given", [{}, {"text": "both"}, {"idempotency_key": "k"}])
def test_an_update_that_lands_while_sources_are_merged_is_not_lost(
    place: Place, memory: Memory, tenant: str, given: dict[str, str]
) -> None:
    one, two = (memory.add(text, scope=tenant).cube_id for text in ("one", "two"))
    other = place.open("agent:bob")
    meanwhile = Meanwhile(place, "merge", Action.CREATE, lambda: other.update(one, "one, and more"))
    merging = place.open(governor=meanwhile)
    receipt = merging.merge([one, two], **given)  # type: ignore[arg-type]
    meanwhile.wait()
    merged = read(memory, receipt.cube_id)
    assert merged.version == receipt.version
    if meanwhile.errors:  # it came behind the merge, and is told so
        (error,) = meanwhile.errors
        assert isinstance(error, IllegalMove)
    elif "text" not in given:
        assert "one, and more" in shown(memory, one, receipt.cube_id)
    assert receipt.rejected == ()
    assert [read(memory, raw, any_state=True).state for raw in (one, two)] == ["Merged"] * 2
    history = [change.entry.kind for change in memory.history(receipt.cube_id)]
    assert history == ["Generated"] if place.is_embedded else ["Generated", "Revised"]
    sources = memory.lineage(receipt.cube_id, direction="upstream").edges
    newest = max(edge.source[1] for edge in sources if edge.source[0] == one)
    assert newest == (1 if meanwhile.errors else 2)


def test_a_header_that_is_narrowed_while_sources_are_merged_narrows_the_merged_memory(
    place: Place, memory: Memory, tenant: str
) -> None:
    one, two = (memory.add(text, scope=tenant).cube_id for text in ("one", "two"))
    meanwhile = Meanwhile(
        *(place, "merge", Action.CREATE),
        lambda: memory.set_header(one, readers=[ADMINISTRATOR]),
    )
    receipt = place.open(governor=meanwhile).merge([one, two])
    meanwhile.wait()
    if not meanwhile.errors and not place.is_embedded:
        assert read(memory, receipt.cube_id).readers == (ADMINISTRATOR,)


def test_a_source_that_is_frozen_meanwhile_is_told_of_and_stays(
    place: Place, memory: Memory, tenant: str
) -> None:
    one, two = (memory.add(text, scope=tenant).cube_id for text in ("one", "two"))
    meanwhile = Meanwhile(place, "merge", Action.CREATE, lambda: memory.freeze(one))
    receipt = place.open(governor=meanwhile).merge([one, two])
    meanwhile.wait()
    states = [read(memory, raw, any_state=True).state for raw in (one, two)]
    if place.is_embedded:  # the freeze came behind the merge
        assert (states, receipt.rejected) == (["Frozen", "Merged"], ())
    else:
        assert states == ["Frozen", "Merged"]
        assert [(no.cube_id, no.reason) for no in receipt.rejected] == [(one, "frozen")]
    assert isinstance(memory.get(receipt.cube_id), MemCube)


def test_a_memory_that_moves_on_while_it_is_rolled_back_is_planned_again(
    place: Place, memory: Memory, tenant: str
) -> None:
    cube = memory.add("one", scope=tenant).cube_id
    memory.update(cube, "two")
    derived = memory.add("made of two", scope=tenant, derived_from=[cube]).cube_id
    meanwhile = Meanwhile(
        *(place, "rollback", Action.WRITE),
        lambda: memory.update(cube, "three"),
        cube_id=derived,
    )
    done = place.open(governor=meanwhile).rollback(cube, to_version=1)
    meanwhile.wait()
    assert meanwhile.errors == []
    assert done.rejected == ()
    assert {change.cube_id for change in done.changes} == {cube, derived}
    texts = [change.text for change in memory.history(cube) if change.entry.result == "accepted"]
    if place.is_embedded:  # the update came behind the rollback
        assert texts == ["one", "two", "one", "three"]
    else:
        assert texts == ["one", "two", "three", "one"]
    assert read(memory, derived, any_state=True).state == "Archived"
