"""The memories that a command over several is for, as a selection finds them and as a plan tells of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import EVERY_STATE, NO_MEMORY, CubeState, Lifecycle
from memos.kernel.errors import Damaged
from memos.kernel.event import id_text
from memos.kernel.moment import NEWEST
from memos.operation.cube import DamagedCube, Forgotten, MemCube, state_title, try_cube
from memos.operation.gate import Passage
from memos.operation.search.filters import mentions
from memos.operation.search.selection import Selection
from memos.operation.session import live_state
from memos.operation.validation import check_id
from memos.operation.vocabulary import MEDIA_TYPE as VOCABULARY

TITLE_LENGTH = 80


@dataclass(frozen=True, slots=True)
class PlannedMemory:
    """A memory that a command over several is for, as it is before it: `title` is how its text begins."""

    cube_id: str
    version: int
    scope: str
    state: str
    title: str


class Chosen(NamedTuple):
    """A memory that was chosen: its head, and how it is told of."""

    state: CubeState
    told: PlannedMemory


def chosen(
    passage: Passage,
    reader: Reader,
    selection: Selection,
    states: Collection[Lifecycle],
) -> list[Chosen]:
    """The memories of a selection that the caller may read, in id order.

    Args:
        passage: where the right is asked.
        reader: where they are read.
        selection: which.
        states: of a scope, those in which a memory is meant, unless the filter speaks of states. What is
            named by its id is meant in any.

    Raises:
        NotFound, Denied: one that is named is not there, or the caller may not read it.
        Damaged: one cannot be read, so nobody can tell whether the filter fits.
    """
    if selection.cube_ids is not None:
        return list(_named(passage, reader, list(map(check_id, selection.cube_ids))))
    if mentions(selection.filter, "state"):
        states = EVERY_STATE
    found = [
        one
        for scope in selection.scopes or ()
        for one in _in_scope(passage, reader, scope, selection, states)
    ]
    return sorted(found, key=lambda one: one.state.cube_id)


def _named(passage: Passage, reader: Reader, ids: Sequence[bytes]) -> Iterator[Chosen]:
    reader.read_ahead(ids, NEWEST)
    for raw in sorted(ids):
        state = live_state(passage, reader, raw)
        passage.require(Action.READ, state.scope, state)
        yield Chosen(state, planned_memory(reader, state))


def _in_scope(
    passage: Passage,
    reader: Reader,
    scope: str,
    selection: Selection,
    states: Collection[Lifecycle],
) -> Iterator[Chosen]:
    """A vocabulary is meant by its id only: it is no memory of the scope but says how to tag them."""
    passage.require(Action.READ, scope)
    permitted = passage.permitted(Action.READ)
    ids = reader.vault.cubes_in_scope(scope)
    reader.read_ahead(ids, NEWEST)
    for raw in ids:
        state = reader.vault.head(raw)
        if (
            state is None
            or state.form in NO_MEMORY
            or state.lifecycle not in states
            or state.erasing
        ):
            continue
        if not permitted.check(state):
            continue
        cube = _opened(reader, state)
        if isinstance(cube, DamagedCube) and selection.filter is not None:
            raise Damaged(
                f"whether the filter fits cube {cube.cube_id} nobody can tell, and nothing was changed: "
                f"{cube.reason}. Name the memories by their ids"
            )
        if isinstance(cube, MemCube) and (
            cube.media_type == VOCABULARY or not selection.accepts(cube)
        ):
            continue
        yield Chosen(state, _told(state, cube))


def planned_memory(reader: Reader, state: CubeState) -> PlannedMemory:
    """A memory as a plan tells of it."""
    return _told(state, _opened(reader, state))


def title_of(text: str) -> str:
    """How a text begins, on one line."""
    line = " ".join(text[: 4 * TITLE_LENGTH].split())
    return line if len(line) <= TITLE_LENGTH else f"{line[: TITLE_LENGTH - 1]}…"


def _opened(reader: Reader, state: CubeState) -> MemCube | Forgotten | DamagedCube | None:
    attempt = reader.vault.state_at(state.cube_id)
    return None if attempt is None else try_cube(reader, attempt)


def _told(state: CubeState, cube: MemCube | Forgotten | DamagedCube | None) -> PlannedMemory:
    title = ""
    if isinstance(cube, MemCube):
        title = title_of(cube.text)
        if cube.payload:
            title = f"{len(cube.payload)} bytes of {cube.media_type}"
    return PlannedMemory(
        id_text(state.cube_id), state.version, state.scope, state_title(state.lifecycle), title
    )
