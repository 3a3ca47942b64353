"""What is moved, and what both ends of a move have to offer."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from memos.infrastructure.engine.owed import OwedErase
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.keys.receipts import Receipt
from memos.infrastructure.log.ancestry import Ancestor, FirstPlace, cut_of, numbers
from memos.infrastructure.log.port import Cut
from memos.infrastructure.progress import Progress
from memos.kernel.errors import Refused
from memos.kernel.event import Position, Undecodable, decode, id_text
from memos.wire.event_pb2 import Event

T = TypeVar("T")

BATCH = 2000
"""Records moved at a time: each batch is durable before the next is begun."""


class Moved(NamedTuple):
    """A record on its way.

    `position` and `log_time` (microseconds) are those in the log that it is read from; `first`
    those in the log where it was written. `event` is None where the bytes are none, and in the
    access log.
    """

    position: Position
    log_time: int
    data: bytes
    first: FirstPlace
    event: Event | None = None


class CubeKey(NamedTuple):
    """A cube's key in clear, and the digests of the subjects each of whom can end it."""

    cube_id: bytes
    tenant: str
    subjects: Sequence[bytes]
    key: bytes


class Sealed(NamedTuple):
    """One partition of the source: so many records, and the signed checkpoint over them."""

    partition: int
    size: int
    note: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What is being moved into a target; kept there until it is done.

    `cuts` are the ends that the source had each time the move was begun: what was read up to an
    earlier one comes in the same order again.
    """

    origin: str
    cuts: tuple[Cut, ...] = ()

    def to_text(self) -> str:
        """As a setting."""
        return json.dumps({"origin": self.origin, "cuts": [numbers(cut) for cut in self.cuts]})

    @classmethod
    def from_text(cls, text: str) -> Plan:
        """What `to_text` gave."""
        fields = json.loads(text)
        return cls(fields["origin"], tuple(cut_of(cut) for cut in fields["cuts"]))


class MigrationSource(Protocol):
    """The vault that is left."""

    @property
    def name(self) -> str: ...

    @property
    def origin(self) -> str: ...

    @property
    def verifier_key(self) -> str: ...

    @property
    def keys(self) -> KeyVault:
        """Tenants' and subjects' keys."""
        ...

    def hold(self, work: Callable[[], T]) -> T:
        """Do the work, with writers kept out where that is possible."""
        ...

    def end(self) -> Cut:
        """Where the log ends now."""
        ...

    def erasing(self) -> bool:
        """Whether an erase was begun and has not come to its end."""
        ...

    def seal(self) -> list[Sealed]:
        """Sign every partition as it is now."""
        ...

    def cuts(self) -> Mapping[str, Cut]:
        """The named cuts."""
        ...

    def records(self, ends: Sequence[Cut]) -> Iterator[Iterator[Moved]]:
        """For each of these cuts, ascending, the records since the one before it. To be read in
        turn and whole; the same order every time.
        """
        ...

    def accesses(self) -> Iterator[Moved]:
        """The access log."""
        ...

    def cube_keys(self, cube_ids: Sequence[bytes]) -> list[CubeKey]:
        """The keys of cubes; without those that were destroyed.

        Raises:
            Refused: the key of a memory that was not erased is missing.
        """
        ...

    def erasures(self) -> Iterator[tuple[bytes, str]]:
        """The erasure receipts by operation."""
        ...

    def ancestors(self) -> tuple[Ancestor, ...]:
        """The logs before this one."""
        ...

    def owed(self) -> list[OwedErase]:
        """The erases that wait for a hold to be lifted."""
        ...

    def digest(self) -> str: ...


class MigrationTarget(Protocol):
    """The vault that is made."""

    @property
    def name(self) -> str: ...

    def plan(self, origin: str) -> Plan | None:
        """Open the target; the plan of a move that was cut off, None where it is new.

        Raises:
            Refused: it holds something else.
        """
        ...

    def keep_plan(self, plan: Plan, notes: Sequence[Sealed], origin: str) -> None:
        """Keep what is being moved, and publish the source's checkpoints."""
        ...

    def is_done(self) -> bool:
        """Whether the move was finished before, and nothing may be added by it."""
        ...

    @property
    def keys(self) -> KeyVault:
        """Where tenants' and subjects' keys go, once the target is open."""
        ...

    def append(
        self, moved: Sequence[Moved], keys: Callable[[Sequence[bytes]], list[CubeKey]]
    ) -> int:
        """Append what is not there yet; how many records that were."""
        ...

    def counted(self) -> Cut:
        """Of each partition of the target, how many records `append` was given."""
        ...

    def append_accesses(self, moved: Sequence[Moved]) -> int:
        """As `append`, to the access log."""
        ...

    def keep_erasures(self, receipts: Iterable[Receipt], verifier_keys: Sequence[str]) -> None:
        """As `ReplayTransaction.keep_erasures`."""
        ...

    def fold(self, progress: Progress) -> None:
        """Fold what was appended, as far as appending did not; Damaged where records are missing."""
        ...

    def digest(self) -> str: ...

    def finish(
        self, cuts: Mapping[str, Cut], ancestors: Sequence[Ancestor], owed: Sequence[OwedErase]
    ) -> None:
        """Make the target a vault that can be opened."""
        ...

    def close(self) -> None: ...


def event_in(data: bytes) -> Event | None:
    """The event that a record holds; None where it is none. Raises TooNew."""
    try:
        return decode(data)
    except Undecodable:
        return None


def key_missing(cube_id: bytes) -> Refused:
    """The error of a memory that nothing can open."""
    return Refused(
        f"the key of cube {id_text(cube_id)} is gone, though it was not erased: run `memos doctor` "
        "and `memos verify` on the source, and put its key file back from your backup"
    )


def holds_else(name: str) -> Refused:
    """The error of a target that is not free."""
    return Refused(
        f"{name} holds something else already: a vault is moved into a place of its own, so name "
        "another; nothing was changed"
    )
