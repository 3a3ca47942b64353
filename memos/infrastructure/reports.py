"""What an engine reports of a vault as a whole: of its checks, its log's tree and its counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that is not as it was written. `where` is a position, a cube or a file."""

    where: str
    what: str


PROJECTIONS_NOT_COMPARED = (
    "projections, row by row (`memos audit` folds the log again and compares them)"
)
"""What a verification leaves to an audit."""

MOST_PROBLEMS = 1000
"""How many problems a verification names."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that a doctor found. `severity` is error or warning; `mend` says what to do."""

    severity: str
    what: str
    mend: str


@dataclass(frozen=True, slots=True)
class Verification:
    """What a check found. Everything that `problems` does not name is good. `keys_missing` counts
    the memories that nobody erased and whose keys are not there; `not_compared` says what was not
    looked at, and why.
    """

    events: int
    cubes: int
    checkpoints: int
    problems: tuple[Problem, ...]
    keys_missing: int = 0
    not_compared: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether everything is as it was written."""
        return not self.problems


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did. `undecodable` lists positions that hold no event: rejected, and kept;
    `unreadable` those whose sealed body does not open: folded, but not found by a search.
    """

    events: int
    digest: str
    undecodable: tuple[str, ...]
    unreadable: tuple[str, ...] = ()


class TreeHead(NamedTuple):
    """A log's signed tree: `note` signs `size` records with the Merkle root `root`."""

    size: int
    root: bytes
    note: str


class Figures(NamedTuple):
    """Counts of a vault: `states` counts its memories by lifecycle."""

    events: int
    states: Mapping[int, int]
    scopes: int
    accesses: int
    bytes_on_disk: int
