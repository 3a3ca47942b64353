"""How many memories a filter fits, opened only where it asks for what is sealed.

What the index and the headers hold is asked of these first: a memory is opened where all of that fits
and something is left to ask.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from memos.infrastructure.batches import batched
from memos.infrastructure.index.port import View
from memos.kernel.cube import Lifecycle
from memos.kernel.event import Position, id_text
from memos.kernel.moment import OPEN
from memos.language.indexed_text import DATED
from memos.operation.cube import EPOCH, MemCube, as_datetime, state_title
from memos.operation.search.filters import (
    MemoryFilter,
    compile_filter,
    conjuncts,
    fields_of,
    is_of_required_tags,
)
from memos.operation.search.memories import Memories
from memos.operation.search.order import picked
from memos.operation.search.scope_view import ScopeView

AT_ONCE = 500
"""How many memories are read ahead where all are looked at."""

IN_INDEX = frozenset({"cube_id", "version", "state", "scope", "valid_from", "valid_until"})
IN_CLEAR = IN_INDEX | {
    "owner",
    "readers",
    "writers",
    "priority",
    "sensitivity",
    "purpose",
    "created",
    "changed",
    "uses",
    "last_used",
}


def count_fitting(scope_view: ScopeView) -> int:
    """How many memories a caller sees that the query's filter fits."""
    view, query = scope_view.memories(), scope_view.query
    if query.filter is None:
        return len(view)
    left = [part for part in conjuncts(query.filter) if not is_of_required_tags(part)]
    in_index = [part for part in left if fields_of(part) <= IN_INDEX]
    in_clear = [part for part in left if fields_of(part) <= IN_CLEAR and part not in in_index]
    sealed = [part for part in left if not fields_of(part) <= IN_CLEAR]
    tagged = np.flatnonzero(picked(view, scope_view.analyzer, query.filter))
    rows = list(_fitting_in_index(view, tagged.tolist(), in_index))
    if not (in_clear or sealed):
        return len(rows)
    memories = Memories(scope_view.reader, view, query)
    clear, whole = _all_of(in_clear), [query.accepts]
    named = frozenset().union(*map(fields_of, in_clear))
    count = 0
    for batch in batched(rows, AT_ONCE):
        memories.read_ahead(batch)
        for row in batch:
            if in_clear and not _fits(clear, memories.in_clear(row, named)):
                continue
            count += not sealed or _fits(whole, memories.of(row))
    return count


def _all_of(parts: Iterable[Mapping[str, Any]]) -> list[MemoryFilter]:
    return [compile_filter(part) for part in parts]


def _fits(checks: Iterable[MemoryFilter], cube: MemCube | None) -> bool:
    return cube is not None and all(check(cube) for check in checks)


def _fitting_in_index(
    view: View, rows: Iterable[int], parts: Sequence[Mapping[str, Any]]
) -> Iterator[int]:
    """The rows that conditions fit which the index can answer: asked once of rows that are alike."""
    if not parts:
        yield from rows
        return
    checks = _all_of(parts)
    columns = _Columns(view, frozenset().union(*map(fields_of, parts)))
    known: dict[tuple[Any, ...], bool] = {}
    for row in rows:
        alike = columns.of(row)
        if alike not in known:
            known[alike] = _fits(checks, columns.cube(alike))
        if known[alike]:
            yield row


class _Columns:
    """What the index holds of the fields that a filter names, by row.

    Args:
        view: the rows.
        fields: of IN_INDEX.
    """

    def __init__(self, view: View, fields: frozenset[str]) -> None:
        self._names = sorted(fields)
        read = {
            "cube_id": self._cube_ids,
            "version": self._versions,
            "state": self._states,
            "scope": self._scopes,
            "valid_from": self._starts,
            "valid_until": self._ends,
        }
        self._columns = [read[name](view) for name in self._names]

    def of(self, row: int) -> tuple[Any, ...]:
        """The values of a row."""
        return tuple(column[row] for column in self._columns)

    def cube(self, values: tuple[Any, ...]) -> MemCube:
        """A memory that has these values, and no others."""
        return replace(_NOTHING_ELSE, **dict(zip(self._names, values, strict=True)))

    @staticmethod
    def _cube_ids(view: View) -> Sequence[Any]:
        return [id_text(raw) for raw in view.cube_ids(np.arange(len(view)))]

    @staticmethod
    def _versions(view: View) -> Sequence[Any]:
        return list(map(int, view.version))

    @staticmethod
    def _states(view: View) -> Sequence[Any]:
        titles = {int(state): state_title(state) for state in Lifecycle}
        return [titles[state] for state in view.state.tolist()]

    @staticmethod
    def _scopes(view: View) -> Sequence[Any]:
        paths = [""] * len(view)
        for path, rows in view.scopes().items():
            for row in rows.tolist():
                paths[row] = path
        return paths

    @staticmethod
    def _starts(view: View) -> Sequence[Any]:
        stated = ((view.traits & DATED) != 0).tolist()
        pairs = zip(view.valid_from.tolist(), stated, strict=True)
        return [as_datetime(time) if is_stated else None for time, is_stated in pairs]

    @staticmethod
    def _ends(view: View) -> Sequence[Any]:
        return [None if time == OPEN else as_datetime(time) for time in view.valid_until.tolist()]


_NOTHING_ELSE = MemCube(
    cube_id="",
    version=0,
    text="",
    tags=(),
    metadata={},
    state="",
    scope="",
    source="",
    origin="",
    semantic_type="",
    media_type="",
    valid_from=None,
    valid_until=None,
    owner="",
    readers=(),
    writers=(),
    priority=0,
    sensitivity="",
    purpose="",
    lifespan=None,
    created=EPOCH,
    changed=EPOCH,
    position=Position(0, 0),
)
