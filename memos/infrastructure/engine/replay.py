"""Taking in the records of another log: what the loading of an export needs of a vault."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, TypeVar

from memos.infrastructure.engine.appender import Appender
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.keys.receipts import Receipt
from memos.infrastructure.log.ancestry import FirstPlace
from memos.kernel.event import Kind
from memos.wire.event_pb2 import Event

T = TypeVar("T")

CREATING = frozenset({Kind.GENERATED, Kind.CACHED, Kind.DISTILLED})
"""The kinds of a memory's first record, with which its key comes."""


class ReplayTransaction(Protocol):
    """A transaction of a vault that takes in another log's records: all of it is done, or none."""

    @property
    def keys(self) -> KeyVault:
        """Tenants' and subjects' keys: those made or added here are kept with all else, or not."""
        ...

    @property
    def log_time(self) -> int:
        """The log time of what is appended now, in microseconds since 1970."""
        ...

    @property
    def own(self) -> Appender:
        """Appends events of this vault's own, in the same transaction."""
        ...

    def reader(self) -> Reader:
        """Reads with what was appended so far."""
        ...

    def event_id(self, cube_id: bytes, sequence: int) -> bytes:
        """The id of the n-th event of a cube here; empty where there is none."""
        ...

    def erased_subjects(self) -> Mapping[str, Mapping[bytes, int]]:
        """By tenant the digests of the subjects that were erased here, with the log time of their last
        erase.
        """
        ...

    def erased_cubes(self) -> Iterator[bytes]:
        """The cubes that are erased, in id order."""
        ...

    def digest(self) -> str:
        """SHA-256 over every cube in id order, with what was appended so far."""
        ...

    def append(self, data: bytes, event: Event, log_time: int, key: bytes | None) -> int:
        """Append a record byte for byte, and fold it. What followed from it is not appended: it
        stands in its log as records of its own.

        Args:
            data: the record's bytes.
            event: what they hold.
            log_time: its log time here, in microseconds.
            key: the key of the cube that it makes, if it makes one that was not erased.

        Returns:
            The sequence that its cube has now: 0 where there is no such cube.

        Raises:
            Damaged: its body does not open, or holds what cannot be read.
        """
        ...

    def append_undecodable(self, data: bytes, log_time: int) -> None:
        """Append bytes that hold no event: they are kept and never folded."""
        ...

    def keep_first_place(self, first: FirstPlace) -> None:
        """Keep where the record just appended first stood."""
        ...

    def take_accesses(self, accesses: Iterable[tuple[int, bytes]]) -> None:
        """Make (log time, bytes) pairs the access log of a new vault, and fold usage from it."""
        ...

    def keep_erasures(self, receipts: Iterable[Receipt], verifier_keys: Sequence[str]) -> None:
        """Keep receipts of erases, as far as they are not here: this vault signs, too, what a holder
        of one of the keys has signed.
        """
        ...

    def setting(self, name: str) -> str:
        """A setting that was kept; empty where there is none of that name."""
        ...

    def keep_settings(self, settings: Mapping[str, str]) -> None:
        """Keep settings beside those that the vault was made with, under names that are not taken."""
        ...


class Replay(Protocol):
    """A vault that can take in the records of another log."""

    @property
    def workplace(self) -> Path:
        """A path beside which files may be unpacked meanwhile."""
        ...

    def transact(self, work: Callable[[ReplayTransaction], T]) -> T:
        """Run `work` in one transaction; what it raises, or an interrupt, undoes all of it.

        Afterwards no file of the vault holds the text of what was erased by what was taken in,
        unless somebody reads an earlier moment just then.
        """
        ...
