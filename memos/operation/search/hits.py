"""What a search gives back: hits, each with what every stage gave it, and how it ran as a whole."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from memos.kernel.event import Position
from memos.operation.cube import MemCube
from memos.operation.search.why import reasons


@dataclass(frozen=True, slots=True)
class Hit:
    """One found memory, at its version for the position searched; `why` says in words what reached
    it, and `explain` has the figures.
    """

    cube_id: str
    version: int
    text: str
    score: float
    metadata: Mapping[str, Any]
    tags: tuple[str, ...]
    scope: str
    source: str
    state: str
    valid_from: datetime | None
    valid_until: datetime | None
    created: datetime
    changed: datetime
    position: Position
    explain: Mapping[str, Any] = field(repr=False)
    why: tuple[str, ...] = field(default=(), repr=False)


class Hits(list[Hit]):
    """Hits, best first. `explain` tells how the search ran, also where it found nothing: what it
    searched, what it read in the query (with words that a slip of the pen may have changed under
    `meant`), which phrase in quotes no memory holds (`phrases_not_found`: the others are shown
    then), which optional side was not there and why, under `damaged` which memories it came to and
    could not read, each with the reason, and under `not_compared` which it passed over because their
    values are of another kind than those that the filter compares them with.
    """

    def __init__(self, hits: Iterable[Hit] = (), explain: Mapping[str, Any] | None = None) -> None:
        super().__init__(hits)
        self.explain: Mapping[str, Any] = explain or {}


def hit_of(cube: MemCube, score: float, explain: Mapping[str, object]) -> Hit:
    """A found memory, with its score and what each stage gave it."""
    return Hit(
        cube.cube_id,
        cube.version,
        cube.text,
        score,
        cube.metadata,
        cube.tags,
        cube.scope,
        cube.source,
        cube.state,
        cube.valid_from,
        cube.valid_until,
        cube.created,
        cube.changed,
        cube.position,
        explain,
        tuple(reasons(explain)),
    )
