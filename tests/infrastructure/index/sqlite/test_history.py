"""Any history, seen from any scope at any offset, against a model that keeps everything in a list."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from memos.infrastructure.index.port import SpanChange
from memos.infrastructure.index.sqlite.index import SqliteIndex
from memos.kernel.moment import OPEN
from memos.language.indexed_text import IndexedText
from tests.infrastructure.index.sqlite.support import Vault, cube_id, text

SCOPES = ["acme", "acme/a", "acme/a/b", "acme/a-b", "acme/ab", "acme2/a"]
SEARCHED = [*SCOPES, "acme2", "ac", "acme/a/b/c", "acme/%", "acme/_"]
TERMS = [-(2**63), -1, 0, 1, 2**63 - 1]


@dataclass(frozen=True)
class Span:
    cube: bytes
    scope: str
    opened: int
    closed: int
    version: int
    state: int
    flags: int
    text: IndexedText

    @property
    def row(self) -> tuple[object, ...]:
        return self.cube, self.opened, self.version, self.state, self.flags, self.text.length


@dataclass
class Model:
    spans: list[Span] = field(default_factory=list)

    def apply(self, change: SpanChange) -> None:
        indexed = change.text
        for at, span in enumerate(self.spans):
            if span.cube == change.cube_id and span.closed == OPEN:
                self.spans[at] = replace(span, closed=change.offset)
                indexed = indexed or span.text
        assert indexed is not None
        offset, version, state = change.offset, change.version, change.state
        self.spans.append(
            Span(change.cube_id, change.scope, offset, OPEN, version, state, change.flags, indexed)
        )

    def purge(self, cube: bytes) -> int:
        kept = [span for span in self.spans if span.cube != cube]
        removed, self.spans = len(self.spans) - len(kept), kept
        return removed

    def visible(self, scope: str, offset: int) -> list[Span]:
        return [
            span
            for span in self.spans
            if (span.scope == scope or span.scope.startswith(scope + "/"))
            and span.opened <= offset < span.closed
        ]


texts = st.dictionaries(st.sampled_from(TERMS), st.integers(0, 3), max_size=3).map(text)
steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.integers(0, len(SCOPES) - 1), texts),
        st.tuples(st.just("revise"), st.integers(0, 9), texts),
        st.tuples(st.just("state"), st.integers(0, 9), st.integers(1, 7)),
        st.tuples(st.just("purge"), st.integers(0, 9), st.none()),
        st.tuples(st.just("commit"), st.none(), st.none()),
        st.tuples(st.just("look"), st.none(), st.none()),
    ),
    max_size=40,
)


def assert_shows(index: SqliteIndex, model: Model, scope: str, offset: int | None) -> None:
    at = OPEN - 1 if offset is None else offset
    expected = model.visible(scope, at)
    view = index.view(scope, offset)
    cubes = view.cube_ids(np.arange(len(view)))
    rows = zip(
        cubes,
        view.opened.tolist(),
        view.version.tolist(),
        view.state.tolist(),
        view.flags.tolist(),
        view.length.tolist(),
        strict=True,
    )
    assert sorted(rows) == sorted(span.row for span in expected)
    assert (np.diff(view.doc) > 0).all()
    for term in TERMS:
        found, tf = view.postings(term)
        assert (np.diff(found) > 0).all()
        got = {cubes[row]: int(n) for row, n in zip(found.tolist(), tf, strict=True)}
        assert got == {s.cube: s.text.terms[term] for s in expected if term in s.text.terms}
    odd = view.state % 2 == 1
    few = view.restrict(odd)
    for term in TERMS:
        found, tf = view.postings(term)
        kept, kept_tf = few.postings(term)
        assert few.doc[kept].tolist() == view.doc[found[odd[found]]].tolist()
        assert kept_tf.tolist() == tf[odd[found]].tolist()


class History:
    """Plays steps to a vault and to the model alike."""

    def __init__(self, path: Path) -> None:
        self.vault = Vault(path)
        self.model = Model()
        self.cubes: list[tuple[bytes, str, int]] = []  # id, scope, version
        self.pending: list[SpanChange] = []
        self.offset = 0
        self.watcher = self.vault.open()  # sees the history as it grows

    def play(self, kind: str, target: int | None, what: object) -> None:
        if kind == "add":
            assert target is not None
            cube = cube_id(len(self.cubes))
            self.cubes.append((cube, SCOPES[target], 0))
            self._change(len(self.cubes) - 1, what, 1)
        elif kind == "commit":
            self._commit()
        elif kind == "look":
            self._commit()
            for scope in SEARCHED:
                assert_shows(self.watcher, self.model, scope, None)
        elif target is not None and target < len(self.cubes):
            if kind == "purge":
                self._purge(target)
            elif self._alive(target):
                text, state = (what, 1) if kind == "revise" else (None, what)
                self._change(target, text, state)

    def _alive(self, target: int) -> bool:
        return any(span.cube == self.cubes[target][0] for span in self.model.spans)

    def _change(self, target: int, text: object, state: object) -> None:
        assert text is None or isinstance(text, IndexedText)
        assert isinstance(state, int)
        cube, scope, version = self.cubes[target]
        self.cubes[target] = (cube, scope, version + 1)
        self.offset += 1 + version % 2  # offsets of other events lie between
        change = SpanChange(cube, scope, self.offset, version + 1, state, target % 4, text)
        self.pending.append(change)
        self.model.apply(change)

    def _commit(self) -> None:
        self.vault.apply(*self.pending)
        self.pending.clear()

    def _purge(self, target: int) -> None:
        self._commit()
        cube = self.cubes[target][0]
        with self.vault.connection:
            report = self.vault.index.purge([cube])
        assert report.spans == self.model.purge(cube)


@pytest.mark.usefixtures("small_blocks")
@settings(
    max_examples=100,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],  # the same for all examples
)
@given(steps)
@example(
    [
        ("add", 1, text([1])),
        ("look", None, None),
        ("state", 0, 4),
        ("revise", 0, text([0])),
        ("state", 0, 5),
    ]
)
def test_every_scope_at_every_offset_shows_what_the_model_shows(
    played: list[tuple[str, int | None, object]],
) -> None:
    with TemporaryDirectory() as path:
        history = History(Path(path) / "vault.db")
        for kind, target, what in played:
            history.play(kind, target, what)
        history.play("look", None, None)
        fresh = history.vault.open()
        for scope in SEARCHED:
            for offset in [None, *range(-1, history.offset + 2)]:
                assert_shows(history.watcher, history.model, scope, offset)
                assert_shows(fresh, history.model, scope, offset)
