"""What a dump needs of a vault, whichever engine it is on: one moment of it, to be read once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.log.ancestry import FirstPlace
from memos.infrastructure.log.port import Cut
from memos.infrastructure.progress import Progress
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import CubeState
from memos.kernel.moment import At

Chosen = Callable[[CubeState], bool]

PROGRESS_EVERY = 10_000


class DumpEnd(NamedTuple):
    """Where a dump of everything ended: the next one goes on from there.

    Attributes:
        cut: the end of the log.
        tails: of each partition that has records the leaf hash of the last one before the cut.
        accesses: the end of the access log.
        log_time: of the last record, in microseconds.
        tree: over the records in the dump's order, as `Frontier.to_bytes` gives it.
    """

    cut: Cut
    tails: Mapping[int, bytes]
    accesses: Cut
    log_time: int
    tree: bytes

    @property
    def size(self) -> int:
        """How many records lie before it."""
        return sum(self.cut.values())


@dataclass(frozen=True, slots=True)
class DumpSelection:
    """What an export holds: everything (`chosen` is None), or the cubes that `chosen` accepts; of
    everything, what came after `since`.

    `scope` narrows the reading, `filter` only tells people what was asked for.
    """

    chosen: Chosen | None = None
    scope: str | None = None
    filter: Mapping[str, Any] | None = None
    since: DumpEnd | None = None

    def accepts(self, state: CubeState) -> bool:
        """Whether a cube is in it."""
        return self.chosen is None or self.chosen(state)


class EventLine(NamedTuple):
    """A record on its way out of a vault or into one. `sequence` counts the records of its cube, as
    the fold does; `first` is None where the record was written in this log.
    """

    offset: int
    log_time: int
    sequence: int
    data: bytes
    first: FirstPlace | None = None


class Dumpable(Protocol):
    """One moment of a vault. Memory stays flat in the size of the records.

    A log of several partitions is given as one, in the order of `engine.distributed.merger`.
    """

    @property
    def at(self) -> At:
        """The moment."""
        ...

    @property
    def reader(self) -> Reader:
        """Reads the vault; what is said of a memory is read at `at`."""
        ...

    def read_ahead(self, cube_ids: Sequence[bytes]) -> None:
        """These memories will be read next."""
        ...

    def state(self, cube_id: bytes) -> CubeState:
        """A cube that has records.

        Raises:
            Damaged: it cannot be read.
        """
        ...

    def erased(self, selection: DumpSelection) -> Iterator[Attempt]:
        """The accepted Erased record of each cube of a selection that has one, in id order."""
        ...

    def lines(self, selection: DumpSelection, progress: Progress) -> Iterator[EventLine]:
        """The records of a selection, in order; to be read whole before what follows here.

        Of how many records the vault has, a part tells nothing: not in its progress either.

        Raises:
            Damaged: a record is missing.
        """
        ...

    def tree(self) -> tuple[int, bytes]:
        """How many records the log has, and its Merkle root; of a part of a log, so far as the last
        record of that part.
        """
        ...

    def cuts(self) -> Mapping[str, int]:
        """Named cuts that no event of the log tells of rightly, as numbers of records before them:
        those that were named in another log, or in one of several partitions.
        """
        ...

    def digest(self, selection: DumpSelection) -> str:
        """SHA-256 over the cubes of a selection in id order."""
        ...

    def accesses(self, since: DumpEnd | None = None) -> Iterator[tuple[int, bytes]]:
        """(log time, bytes) of each record of the access log; of those behind the end of another dump."""
        ...

    def ended(self) -> DumpEnd:
        """Where a dump of everything ended, once its lines were read."""
        ...

    def goes_on_from(self, end: DumpEnd) -> bool:
        """Whether the log holds, up to the end of another dump, the records that it had then."""
        ...

    def erasures(self) -> Iterator[tuple[bytes, str]]:
        """(operation id, receipt) of each erase."""
        ...
