"""Which subjects the memories of some scopes are about, as far as their names can be told.

The log has keyed digests of subjects in clear; their names are sealed with the memories that were
added about them. What a memory took from another one that the caller may not read tells of no subject.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress

import numpy as np

from memos.infrastructure.batches import batched
from memos.kernel.cube import ZERO_DIGEST, CubeState, Lifecycle
from memos.kernel.errors import Damaged
from memos.kernel.keyed_digest import SUBJECT
from memos.kernel.lineage import CARRIES_TAINT, Relation
from memos.kernel.moment import NEWEST
from memos.kernel.scope import tenant_of
from memos.operation.reads.as_of import resolve
from memos.operation.reads.selected import note_views, views_of
from memos.operation.search.counting import AT_ONCE
from memos.operation.search.scope_view import ScopeView
from memos.operation.search.selection import Selection
from memos.operation.session import Session

MOST_OPENED = 64
"""How many memories of a subject are opened to learn its name: earlier releases kept none."""


class Subjects(dict[str, int]):
    """How many memories are about each subject, the commonest first. `unnamed` counts the memories of
    which nothing tells that the caller may read whom they are about.
    """

    def __init__(self, counts: Mapping[str, int], unnamed: int) -> None:
        super().__init__(sorted(counts.items(), key=lambda counted: (-counted[1], counted[0])))
        self.unnamed = unnamed


def subjects(session: Session, selection: Selection) -> Subjects:
    """See `Memory.subjects`."""
    counts: Counter[str] = Counter()
    unnamed = 0
    with session.gate.enter("subjects") as passage, session.engine.read() as reader:
        moment = resolve(session, passage, reader, selection.as_of)
        views = views_of(session, passage, reader, moment, selection)
        note_views(passage, views)
        for view in views:
            told = _Told(session, view)
            for state in _visible(view):
                names = told.of(state)
                counts.update(names)
                unnamed += not names
    return Subjects(counts, unnamed)


def _visible(view: ScopeView) -> Iterator[CubeState]:
    """The memories that the actor sees, oldest first, and so the sources of others before these."""
    visible = view.memories()
    at = NEWEST if view.query.at is None else view.query.at
    oldest_first = np.argsort(visible.created, kind="stable")
    for batch in batched(visible.cube_ids(oldest_first), AT_ONCE):
        view.reader.read_ahead(batch, at)
        for cube_id in batch:
            attempt = view.reader.vault.state_at(cube_id, at)
            if attempt is not None and attempt.state is not None:
                yield attempt.state


class _Told:
    """Whom memories of one tenant are about, as the actor may know it."""

    def __init__(self, session: Session, view: ScopeView) -> None:
        self._reader = view.reader
        self._permitted = view.query.permitted
        self._digests = session.digests
        self._tenant = tenant_of(view.query.scope)
        self._names: dict[bytes, str] = {}  # by digest
        self._opened: Counter[bytes] = Counter()
        self._told: dict[bytes, frozenset[str]] = {}

    def of(self, state: CubeState) -> frozenset[str]:
        """The subjects of a memory: its own, and those of what it was made of."""
        pending, begun = [state], {state.cube_id}
        while pending:
            cube = pending[-1]
            sources, is_merged = self._sources(cube)
            missing = [
                source for source in sources if source.cube_id not in begun | self._told.keys()
            ]
            if missing:
                begun.update(source.cube_id for source in missing)
                pending += missing
                continue
            pending.pop()
            about = {name for source in sources for name in self._told.get(source.cube_id, ())}
            own: frozenset[str] = (
                frozenset() if is_merged else self._own(cube, is_alone=not sources)
            )
            carried = frozenset(name for name in about if self._carries(cube, name))
            self._told[cube.cube_id] = own | carried
        return self._told[state.cube_id]

    def _sources(self, cube: CubeState) -> tuple[list[CubeState], bool]:
        """What a memory was made of that the actor may read; and whether it is a merge, which has no
        subject of its own.
        """
        if cube.lineage_digest == ZERO_DIGEST:
            return [], False
        vault = self._reader.vault
        edges = vault.edges(cube.cube_id, downstream=False)
        named = {edge.source[0]: None for edge in edges if edge.relation in CARRIES_TAINT}
        heads = [head for head in map(vault.head, named) if head is not None]
        readable = [
            head
            for head in heads
            if head.lifecycle is not Lifecycle.ERASED and self._permitted.check(head)
        ]
        return readable, any(edge.relation is Relation.MERGED_INTO for edge in edges)

    def _own(self, cube: CubeState, *, is_alone: bool) -> frozenset[str]:
        """Whom a memory was added about: its scope, where nobody else was named."""
        if is_alone and cube.lineage_digest == ZERO_DIGEST:
            names = (self._named(digest, cube) for digest in cube.subjects)
            return frozenset(filter(None, names))
        name = self._said(cube) or cube.scope
        return frozenset({name} if self._carries(cube, name) else ())

    def _named(self, digest: bytes, cube: CubeState) -> str:
        """The name of a subject, where one is known or a memory of nobody else's tells it."""
        if digest not in self._names:
            self._know(cube.scope)
        if digest not in self._names and self._opened[digest] < MOST_OPENED:
            self._opened[digest] += 1
            self._know(self._said(cube))
        return self._names.get(digest, "")

    def _know(self, name: str) -> None:
        if name:
            digests = self._digests.lookups(self._tenant, SUBJECT, name)
            self._names |= dict.fromkeys(digests, name)

    def _carries(self, cube: CubeState, name: str) -> bool:
        """Whether a memory is about a subject still: a link that brought one may have ended."""
        lookups = self._digests.lookups(self._tenant, SUBJECT, name)
        return not set(cube.subjects).isdisjoint(lookups)

    def _said(self, cube: CubeState) -> str:
        """Whom a memory was said to be about when it was added; empty where nothing says it."""
        with suppress(Damaged):  # another memory of the subject may tell
            body = self._reader.body(cube.cube_id, 1)
            return "" if body is None else body.subject
        return ""
