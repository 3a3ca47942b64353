"""Sections of a note that share their headings, and parts of a long one: which memory each is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

from memos.infrastructure.index.projection import content_text
from memos.kernel.body import metadata_of
from memos.operation.commands.importing.imported import Imported, Marks
from memos.operation.commands.importing.items import Wanted
from memos.operation.commands.importing.renamed import said_in
from memos.wire.body_pb2 import Body
from memos.wire.body_pb2 import Imported as Found


class _Place(NamedTuple):
    """A heading of a note, with those above it."""

    scope: str
    root: str
    path: str
    headings: tuple[str, ...]


class SectionMatches(NamedTuple):
    """Which memories sections are.

    Attributes:
        found: the sections whose memory is known.
        alike: the identities of those that share their headings: what is not found among what they share
            is none of it, for their number tells nothing of them.
    """

    found: list[tuple[Wanted, Imported]]
    alike: frozenset[str]


def match_sections(
    every: Iterable[Wanted],
    known: Iterable[Imported],
    marks: Marks,
    body: Callable[[Imported], Body | None],
) -> SectionMatches:
    """Sections under the same headings are known by what they say, and else by their neighbours.

    Args:
        every: the items of an import.
        known: all that was imported before.
        marks: of the format.
        body: a memory as imports wrote it last.
    """
    groups: defaultdict[_Place, list[Wanted]] = defaultdict(list)
    for wanted in every:
        if wanted.item.section:
            groups[_place(wanted, wanted.memory.body.provenance.imported)].append(wanted)
    held: defaultdict[_Place, list[Imported]] = defaultdict(list)
    for one in known if groups else ():
        own = body(one) if one.is_shown and not one.is_former else None
        if own is not None:
            found = own.provenance.imported
            held[_Place(one.state.scope, found.root, found.path, _headings(own))].append(one)
    pairs: list[tuple[Wanted, Imported]] = []
    alike: set[str] = set()
    for place, group in groups.items():
        there = held.get(place, [])
        if len(group) > 1 or len(there) > 1:
            alike.update(wanted.identity for wanted in group)
        for wanted, one in _pairs(group, there, body):
            # Its number among its like is no place: it was not moved.
            pairs.append((wanted, replace(one, identity=marks.identities(wanted.identity)[0])))
    return SectionMatches(pairs, frozenset(alike))


def _place(wanted: Wanted, found: Found) -> _Place:
    headings = _headings(wanted.memory.body)
    return _Place(wanted.memory.scope, found.root, found.path, headings)


def _headings(body: Body) -> tuple[str, ...]:
    headings = metadata_of(body).get("headings")
    return tuple(map(str, headings)) if isinstance(headings, list) else ()


def _pairs(
    group: Sequence[Wanted],
    there: Sequence[Imported],
    body: Callable[[Imported], Body | None],
) -> Iterator[tuple[Wanted, Imported]]:
    """Sections and memories: those that say the same, then what stands between two such, then what is
    left where it is as many.
    """
    saying: defaultdict[str, list[int]] = defaultdict(list)
    for number, one in enumerate(there):
        for words in said_in(body(one)):
            saying[words].append(number)
    matched: dict[int, int] = {}
    free = set(range(len(there)))
    for at, wanted in enumerate(group):
        says = wanted.item.words or content_text(wanted.memory.body)
        same = [number for number in saying.get(says, ()) if number in free]
        if same:
            matched[at] = same[0]
            free.remove(same[0])
    for at in range(len(group)):
        if at in matched or not (at == 0 or at - 1 in matched):
            continue
        behind = (matched[later] for later in range(at + 1, len(group)) if later in matched)
        between = range(matched.get(at - 1, -1) + 1, next(behind, len(there)))
        inner = [number for number in between if number in free]
        if inner:
            matched[at] = inner[0]
            free.remove(inner[0])
    left = [at for at in range(len(group)) if at not in matched]
    if len(left) == len(free):
        matched |= dict(zip(left, sorted(free), strict=True))
    for at, number in matched.items():
        yield group[at], there[number]
