"""What a reader holds of one searched scope: a value, read whole once and then by its changes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from operator import attrgetter
from typing import NamedTuple

import apsw

from memos.infrastructure.index import spans
from memos.infrastructure.index.grown import Grown, grown
from memos.infrastructure.index.postings import Postings, decode
from memos.infrastructure.index.recent import Recent
from memos.infrastructure.index.spans import COLUMNS, Births, Spans, births_of
from memos.infrastructure.index.sqlite.tables import (
    BLOCK,
    SCOPE_COLUMNS,
    doc_range,
    scope_row,
    stored_state,
)
from memos.kernel.scope import bounds_under

_PATIENCE = 4 * BLOCK
"""Docs taken in by refreshes before the blocks that have been written since are taken up."""


class Leaf(NamedTuple):
    """A scope that holds docs itself: n of its newest doc, and up to which n blocks are used."""

    docs: int
    inverted: int


_NO_DOCS = Leaf(0, 0)


class IndexState(NamedTuple):
    """Ordered by age: purges come first, because they are not changes and carry no offset."""

    purges: int
    applied: int
    cleared: int


def index_state(connection: apsw.Connection) -> IndexState:
    """What this connection sees."""
    return IndexState(*stored_state(connection))


@dataclass(frozen=True)
class ScopeSnapshot:
    """Every span in and under some scopes up to the change `state.applied`, and the terms not in blocks."""

    scopes: tuple[str, ...]
    state: IndexState
    leaves: dict[int, Leaf]
    blocks: list[tuple[int, int]]  # (scope id, number of its blocks) of the leaves that have any
    every: Grown  # the columns of Spans
    shown: Grown  # the same, of those visible at the last applied change
    recent: Recent
    taken_in: int = 0  # docs taken in by refreshes

    @cached_property
    def nbytes(self) -> int:
        """About what it takes of memory; never 0, so that empty scopes count as well."""
        shown = () if self.shown is self.every else self.shown.columns
        spans: int = sum(map(attrgetter("nbytes"), (*self.every.columns, *shown)))
        return spans + self.recent.nbytes + 200 * len(self.leaves) + 2_000

    @cached_property
    def spans(self) -> Spans:
        """Every span."""
        return Spans._make(self.every.columns)

    @cached_property
    def births(self) -> Births:
        """When the cubes that have changed since came to be."""
        return births_of(self.spans)


def load(connection: apsw.Connection, scopes: tuple[str, ...]) -> ScopeSnapshot:
    """Read the scopes; the connection must be in one transaction."""
    state = index_state(connection)
    leaves = leaves_of(connection, scopes)
    select = f"SELECT {COLUMNS} FROM index_span WHERE doc BETWEEN ? AND ?"
    read = spans.read(
        row for scope_id in leaves for row in connection.execute(select, doc_range(scope_id))
    )
    recent_terms = _load_recent(connection, leaves)
    every, newest = grown(read.spans), read.spans.active(state.applied)
    shown = every if newest is read.spans else grown(newest)
    return ScopeSnapshot(
        scopes, state, leaves, _blocks(connection, leaves), every, shown, recent_terms
    )


def is_void(connection: apsw.Connection, kept: ScopeSnapshot) -> bool:
    """Whether a purge has taken rows that the snapshot holds."""
    state = index_state(connection)
    if state.purges == kept.state.purges:
        return False
    condition, values = _under(kept.scopes)
    ((purged,),) = connection.execute(
        f"SELECT max(purged) FROM index_scope WHERE {condition}", values
    )
    return state.cleared > kept.state.purges or (purged or 0) > kept.state.purges


def refresh(connection: apsw.Connection, old: ScopeSnapshot) -> ScopeSnapshot:
    """`old` with what was applied since; the connection must be in one transaction.

    Only for a snapshot that is not void and no newer than what the connection sees.
    """
    state = index_state(connection)
    since = old.state.applied
    changed = {} if state.applied == since else leaves_of(connection, old.scopes, since)
    if not changed:
        return old if state == old.state else replace(old, state=state)
    select = f"SELECT {COLUMNS} FROM index_span WHERE doc >> 32 = ? AND opened > ?"
    changes = spans.read(
        row for scope_id in changed for row in connection.execute(select, (scope_id, since))
    )
    new_docs = [
        doc_range(scope_id, old.leaves.get(scope_id, _NO_DOCS).docs + 1, leaf.docs)
        for scope_id, leaf in changed.items()
    ]
    leaves = old.leaves | changed
    blocks = old.blocks
    taken_in = old.taken_in + sum(last - first + 1 for first, last in new_docs)
    if taken_in <= _PATIENCE:
        recent_terms = old.recent.extend(_read_terms(connection, new_docs))
    else:
        taken_in, leaves = 0, leaves_of(connection, old.scopes)
        blocks, recent_terms = _blocks(connection, leaves), _load_recent(connection, leaves)
    every = spans.extend(old.every, changes)
    if old.shown is old.every and not changes.replaces.any():
        shown = every
    else:
        shown = spans.follow(old.shown, changes, state.applied)
    return ScopeSnapshot(old.scopes, state, leaves, blocks, every, shown, recent_terms, taken_in)


def leaves_of(
    connection: apsw.Connection, scopes: tuple[str, ...], since: int = -1
) -> dict[int, Leaf]:
    """The scopes at and under some paths that changed after `since`, by scope id."""
    condition, values = _under(scopes)
    rows = connection.execute(
        f"SELECT {SCOPE_COLUMNS} FROM index_scope WHERE {condition} AND changed > ?"
        " ORDER BY scope_id",
        (*values, since),
    )
    return {leaf.scope_id: Leaf(leaf.docs, leaf.inverted) for leaf in map(scope_row, rows)}


def purged_leaves(connection: apsw.Connection, scope: str, since: int) -> list[int]:
    """The scopes at and under a path that lost rows to purges after the one of number `since`."""
    condition, values = _under((scope,))
    select = f"SELECT scope_id FROM index_scope WHERE {condition} AND purged > ?"
    return [scope_id for (scope_id,) in connection.execute(select, (*values, since))]


def changes_of(connection: apsw.Connection, scopes: tuple[str, ...]) -> dict[int, int]:
    """The scopes at and under some paths, by scope id, and the offset of the last change of each."""
    condition, values = _under(scopes)
    select = f"SELECT {SCOPE_COLUMNS} FROM index_scope WHERE {condition}"
    return {
        leaf.scope_id: leaf.changed for leaf in map(scope_row, connection.execute(select, values))
    }


def _under(scopes: tuple[str, ...]) -> tuple[str, list[str]]:
    """What holds for the paths of some scopes and all that continue one by a segment, and its values."""
    condition = " OR ".join(["path = ? OR (path > ? AND path < ?)"] * len(scopes))
    return f"({condition})", [value for path in scopes for value in (path, *bounds_under(path))]


def _blocks(connection: apsw.Connection, leaves: dict[int, Leaf]) -> list[tuple[int, int]]:
    """No block behind the last that has postings is looked into, whatever a row says of them."""
    select = "SELECT max(block) FROM index_posting WHERE scope_id = ?"
    return [
        (scope_id, min(leaf.inverted // BLOCK, last + 1))
        for scope_id, leaf in leaves.items()
        if leaf.inverted
        for (last,) in connection.execute(select, (scope_id,))
        if last is not None
    ]


def _load_recent(connection: apsw.Connection, leaves: dict[int, Leaf]) -> Recent:
    ranges = [
        doc_range(scope_id, leaf.inverted + 1, leaf.docs)
        for scope_id, leaf in leaves.items()
        if leaf.docs > leaf.inverted
    ]
    return Recent().extend(_read_terms(connection, ranges))


def _read_terms(connection: apsw.Connection, ranges: list[tuple[int, int]]) -> Postings:
    select = "SELECT doc, terms FROM index_doc WHERE doc BETWEEN ? AND ?"
    return decode(row for docs in ranges for row in connection.execute(select, docs))
