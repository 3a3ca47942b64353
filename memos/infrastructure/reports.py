"""What an engine reports of a vault as a whole: of its checks, its log's tree and its counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from memos.infrastructure.pages import page


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


EXAMINE = "`memos doctor` says what is wrong with it"
"""What an error advises; a finding of the doctor's that quotes one leaves it out."""

MOST_NAMED = 5
"""How many of several records or memories a finding names."""


def set_aside_finding(names: Sequence[str], by: str, found_by: str) -> Finding:
    """What is said of memories that something refuses while it takes others."""
    named = ", ".join(names[:MOST_NAMED])
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return Finding(
        "error",
        f"{len(names)} set aside, which {by} refuses while it takes others: {named}{more}. "
        f"{found_by}",
        "they are tried again after an upgrade of MemOS and by `memos rebuild`: "
        f"{page('operations.md')} says what else can be done",
    )


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
class RootRotated:
    """A root key that was rotated. `key_file` holds the one that the vault has now; `former_file` the
    one before, which opens nothing but backups of before. `resumed`: an earlier call had begun it.
    """

    key_file: str
    former_file: str
    resumed: bool


@dataclass(frozen=True, slots=True)
class RootChecked:
    """Whether a file holds a vault's root key. `rotated` and `rotated_by` are of the last
    rotation, None where there was none; `unfinished`: it was cut off, or is under way.
    """

    key_file: str
    fits: bool
    rotated: datetime | None = None
    rotated_by: str | None = None
    unfinished: bool = False


@dataclass(frozen=True, slots=True)
class BackedUp:
    """A backup that was made, and verified: of so many records, the last of them of `until`, and cubes.
    `keys` is the directory with the keys; they are apart where it is another. `keys_missing` counts the
    memories that nobody erased and whose keys the vault does not have either.
    """

    directory: str
    keys: str
    events: int
    cubes: int
    until: datetime | None
    keys_missing: int = 0


@dataclass(frozen=True, slots=True)
class Rebuilt:
    """What a rebuild did. `undecodable` lists positions that hold no event: rejected, and kept;
    `unreadable` those whose sealed body does not open: folded, but not found by a search. `gone` is how
    many memories a loss that was accepted took away.
    """

    events: int
    digest: str
    undecodable: tuple[str, ...]
    unreadable: tuple[str, ...] = ()
    gone: int = 0


@dataclass(frozen=True, slots=True)
class GenerationStatus:
    """The projections of one generation of a vault on servers. `state`: live; former, which a rebuild
    replaced; being built, by a rebuild or an audit; or left over, of one that was killed. `since` when.
    """

    number: int
    state: str
    since: datetime


class TreeHead(NamedTuple):
    """A log's signed tree: `note` signs `size` records with the Merkle root `root`."""

    size: int
    root: bytes
    note: str


class Figures(NamedTuple):
    """Counts of a vault: `memories` counts those of each scope by lifecycle. What `internal_rows` of the
    index says is no memory.
    """

    events: int
    memories: Mapping[tuple[str, int], int]
    accesses: int
    bytes_on_disk: int
