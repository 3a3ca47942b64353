"""Which memories a command over several is for: named by their ids, or those in a scope that a filter fits."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import EVERY_STATE, NO_MEMORY, CubeState, Lifecycle
from memos.kernel.errors import Damaged, InvalidInput
from memos.kernel.event import id_text
from memos.kernel.moment import NEWEST
from memos.kernel.scope import check_scope
from memos.operation.cube import DamagedCube, Forgotten, MemCube, state_title, try_cube
from memos.operation.gate import Passage
from memos.operation.search.filters import Filter, compile_filter, mentions
from memos.operation.session import Session, live_state
from memos.operation.validation import check_id, check_list
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Memories named by their ids, or those in and under a scope, as far as a filter fits them.

    Attributes:
        accepts: the filter, checked; it tells which memories it passed over.

    Raises:
        InvalidInput: it is not exactly one of the two, names nothing, or does not fit.
    """

    cube_ids: Iterable[str] | None = None
    scope: str | None = None
    filter: Mapping[str, Any] | None = None
    accepts: Filter = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        if (self.cube_ids is None) is (self.scope is None):
            raise InvalidInput(
                "say which memories: cube_ids=, or scope= and, where not all of it is meant, filter="
            )
        if self.cube_ids is not None and self.filter is not None:
            raise InvalidInput(
                "a filter is for the memories of a scope: pass scope=, and no cube_ids="
            )
        object.__setattr__(self, "accepts", compile_filter(self.filter))
        if self.scope is not None:
            object.__setattr__(self, "scope", check_scope(self.scope))
            return
        named = check_list(self.cube_ids, "cube_ids")
        if not named:
            raise InvalidInput("cube_ids names no memory")
        for cube_id in named:
            check_id(cube_id)
        object.__setattr__(self, "cube_ids", tuple(dict.fromkeys(named)))

    def __str__(self) -> str:
        if self.cube_ids is not None:
            return f"{len(tuple(self.cube_ids))} memories"
        fits = "" if self.filter is None else ", as far as the filter fits"
        passed_over = "".join(f"; {told}" for told in self.accepts.not_compared)
        return f"{self.scope}{fits}{passed_over}"


def chosen(
    session: Session,
    passage: Passage,
    reader: Reader,
    selection: Selection,
    states: Collection[Lifecycle],
) -> list[Chosen]:
    """The memories of a selection that the caller may read, in id order.

    Args:
        session: the open vault.
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
    return list(_in_scope(session, passage, reader, selection, states))


def _named(passage: Passage, reader: Reader, ids: Sequence[bytes]) -> Iterator[Chosen]:
    reader.read_ahead(ids, NEWEST)
    for raw in sorted(ids):
        state = live_state(passage, reader, raw)
        passage.require(Action.READ, state.scope, state)
        yield Chosen(state, planned_memory(reader, state))


def _in_scope(
    session: Session,
    passage: Passage,
    reader: Reader,
    selection: Selection,
    states: Collection[Lifecycle],
) -> Iterator[Chosen]:
    """A vocabulary is meant by its id only: it is no memory of the scope but says how to tag them."""
    scope = selection.scope or ""
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
