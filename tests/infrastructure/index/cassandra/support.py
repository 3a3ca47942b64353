"""Changes of a log of several partitions, and what a reader must show of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np

from memos.infrastructure.index.cassandra.snapshot import IndexMark, IndexMarks, TenantSnapshot
from memos.infrastructure.index.cassandra.view import CassandraView
from memos.infrastructure.index.packed_terms import pack_terms
from memos.infrastructure.index.port import SpanChange
from memos.kernel.cube import Lifecycle
from memos.kernel.event import Position
from memos.kernel.moment import OPEN, At, next_ordinal, reaches
from memos.language.indexed_text import IndexedText

START = 1_767_225_600_000_000  # microseconds; any time after the ordinals' epoch
MINUTE = 60_000_000
TERMS = [-(2**63), -1, 0, 1, 2**63 - 1]


class Logged(NamedTuple):
    """A change as a worker finds it: where its record is, and the change with its ordinal."""

    position: Position
    change: SpanChange

    @property
    def row(self) -> tuple[Any, ...]:
        """As the change log gives it back."""
        c, text = self.change, self.change.text
        facts = (
            (None,) * 8
            if text is None
            else (pack_terms(text), text.length, *text.place, *text.validity)
        )
        return c.offset, c.cube_id, c.scope, c.version, c.state, c.flags, *facts


@dataclass
class Partitions:
    """A log of several partitions under one clock, which the test winds."""

    count: int
    time: int = START
    logs: list[list[Logged]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.logs = [[] for _ in range(self.count)]

    def append(self, partition: int, change: SpanChange) -> Logged:
        """Log a change; its offset becomes the ordinal."""
        log = self.logs[partition]
        position = Position(partition, 2 * len(log))  # records of other tenants lie between
        previous = log[-1].change.offset if log else -1
        ordinal = next_ordinal(previous, partition, self.time)
        log.append(Logged(position, change._replace(offset=ordinal)))
        return log[-1]

    def marks(self, taken: Sequence[int]) -> IndexMarks:
        """Where a reader is that took so many records of each partition."""
        return {
            partition: IndexMark(log[taken[partition] - 1].position.offset + 1, last.change.offset)
            for partition, log in enumerate(self.logs)
            if taken[partition] and (last := log[taken[partition] - 1])
        }

    def upto(self, taken: Sequence[int]) -> list[Logged]:
        """What such a reader took."""
        return [one for log, count in zip(self.logs, taken, strict=True) for one in log[:count]]


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
        text = self.text
        return (
            self.cube,
            self.opened,
            self.version,
            self.state,
            self.flags,
            text.length,
            *text.place,
            *text.validity,
        )


def spans_of(logged: Sequence[Logged]) -> list[Span]:
    """The spans that changes make: told in the simplest way there is."""
    spans: list[Span] = []
    for _, change in sorted(logged, key=lambda one: one.change.offset):
        if change.state == Lifecycle.ERASED:
            spans = [span for span in spans if span.cube != change.cube_id]
            continue
        text = change.text
        for at, span in enumerate(spans):
            if span.cube == change.cube_id and span.closed == OPEN:
                spans[at] = replace(span, closed=change.offset)
                text = text or span.text
        assert text is not None
        spans.append(
            Span(
                change.cube_id,
                change.scope,
                change.offset,
                OPEN,
                change.version,
                change.state,
                change.flags,
                text,
            )
        )
    return spans


def visible(spans: Sequence[Span], scope: str, at: At) -> list[Span]:
    return [
        span
        for span in spans
        if (span.scope == scope or span.scope.startswith(scope + "/"))
        and reaches(at, span.opened)
        and not (span.closed != OPEN and reaches(at, span.closed))
    ]


def assert_shows(view: CassandraView, expected: Sequence[Span]) -> None:
    """Rows, postings, matched terms and lookups are those of the expected spans."""
    cubes = view.cube_ids(np.arange(len(view)))
    columns = (
        view.opened,
        view.version,
        view.state,
        view.flags,
        view.length,
        view.session,
        view.number,
        view.speaker,
        view.traits,
        view.valid_from,
        view.valid_until,
    )
    rows = zip(cubes, *(column.tolist() for column in columns), strict=True)
    assert sorted(rows) == sorted(span.row for span in expected)
    assert (np.diff(view.doc) > 0).all()
    matched = view.matched_terms()
    for term in TERMS:
        found, tf = view.postings(term)
        assert (np.diff(found) > 0).all()
        got = {cubes[row]: int(n) for row, n in zip(found.tolist(), tf, strict=True)}
        held = {span.cube: span.text.terms[term] for span in expected if term in span.text.terms}
        assert got == held
        unranked = [cubes[row] for row in matched.get(term, np.empty(0, np.int64)).tolist()]
        assert sorted(unranked) == sorted(cube for cube, n in held.items() if n == 0)
    assert view.rows_of([*cubes, bytes(15) + b"?"]) == {cube: n for n, cube in enumerate(cubes)}
    odd = view.state % 2 == 1
    few = view.restrict(odd)
    for term in TERMS:
        found, _ = view.postings(term)
        kept, _ = few.postings(term)
        assert few.doc[kept].tolist() == view.doc[found[odd[found]]].tolist()


def assert_equal(one: TenantSnapshot, other: TenantSnapshot) -> None:
    """Both hold the same, down to the order of the rows."""
    assert one.marks == other.marks
    for mine, theirs in ((one.every, other.every), (one.newest, other.newest)):
        for name, column in mine.spans._asdict().items():
            assert column.tolist() == getattr(theirs.spans, name).tolist(), name
        assert _paths(one, mine.scope) == _paths(other, theirs.scope)
    assert _postings(one) == _postings(other)


def _paths(snapshot: TenantSnapshot, numbers: Any) -> list[str]:
    names = {number: path for path, number in snapshot.scopes._numbers.items()}
    return [names[number] for number in numbers.tolist()]


def _postings(snapshot: TenantSnapshot) -> list[tuple[int, int, int]]:
    return sorted(
        entry
        for part in snapshot.recent
        for entry in zip(part.term.tolist(), part.doc.tolist(), part.tf.tolist(), strict=True)
    )


__all__ = ["Logged", "Partitions", "Span", "assert_equal", "assert_shows"]
