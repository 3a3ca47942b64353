"""The list of erases of a vault on servers: a file beside the root key, in no copy of the servers. Older
copies of Kafka and Cassandra are known by it, and what was erased since is erased again.

Each machine has a list of its own. What others erase is added to it from the receipts that Cassandra keeps,
so every list becomes whole; several may be put into one file, line behind line.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from heapq import nlargest
from pathlib import Path
from typing import TypeVar

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.appender import ListedErases
from memos.infrastructure.engine.distributed.made_settings import (
    make_setting,
    read_setting,
    write_setting,
)
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.keys.erased_list import Erased, ErasedList, read_erased
from memos.infrastructure.reports import Finding
from memos.kernel.errors import Damaged, DiskFull

PUT_BACK = "put_back"
"""The setting that is there from when a loss was accepted until what is known of erases was held against
what is left.
"""

NEWEST_ERASE = "newest_erase"
"""The setting that names an erase of which a list that is whole knows."""

TAKEN = "taken_erase"
"""What the settings begin with that name erases from behind this copy, which were taken from a list."""

LOOKED_FOR = 16
"""How many of a list's newest erases are looked for: those of several machines end in no order."""

T = TypeVar("T")


class DistributedErasedList:
    """Safe for threads and processes.

    Args:
        settings: of the vault.
        store: its tables.
        origin: the name under which it signs.
    """

    def __init__(self, settings: DistributedSettings, store: CassandraSession, origin: str) -> None:
        self._settings = settings
        self._store = store
        self._origin = origin
        self._base = settings.cassandra.keyspace
        self._list = ErasedList(settings.erased_list)

    @property
    def path(self) -> Path:
        """The file."""
        return self._list.path

    def can_be_kept(self) -> bool:
        """Whether this process may write to the list, such as not where keys are mounted to be read."""
        return os.access(self.path if self.path.exists() else self.path.parent, os.W_OK)

    def add(
        self, operation_id: bytes, cube_ids: Sequence[bytes] = (), subjects: Collection[bytes] = ()
    ) -> None:
        """List what an erase is about to destroy. Where this process may not write to the list it says so,
        and goes on: the receipt is added by whoever may.

        Raises:
            DiskFull, VaultError: the list cannot be written.
        """
        named = tuple(cube_ids), tuple(sorted(subjects))
        if self.can_be_kept() and any(named):
            self._list.append([Erased(self._origin, system_time(), *named, operation_id)])
        elif cube_ids:
            warnings.warn(
                f"this erase is not in {self.path}, where this process may not write: open the vault where "
                "it may, which adds it, or name another file as erased_list in the settings",
                stacklevel=2,
            )

    def note_kept(self, operation_id: bytes) -> None:
        """Say that a receipt was kept: the lists of other machines are to have it."""
        write_setting(self._settings, self._store, NEWEST_ERASE, operation_id.hex())

    def complete(self) -> None:
        """Add to the list what other machines have erased.

        Raises:
            Damaged: it cannot be read.
        """
        newest = read_setting(self._settings, self._store, NEWEST_ERASE)
        if not newest or not self.can_be_kept():
            return
        listed = self._operations(self.lines())
        if bytes.fromhex(newest) in listed:
            return
        try:
            self._list.append(self._kept_receipts(listed))
        except DiskFull as error:  # nobody is erased by this, and the vault works
            warnings.warn(f"{self.path} has not all that was erased: {error}", stacklevel=3)

    def lines(self) -> list[Erased]:
        """The lines that are of this vault.

        Raises:
            Damaged: the list cannot be read.
        """
        return [line for line in read_erased(self.path) if line.origin == self._origin]

    def is_behind(self) -> bool:
        """Whether the list may name what this vault still has: it does not know one of the newest erases
        that are listed, or is known to have been put back.
        """
        if read_setting(self._settings, self._store, PUT_BACK):
            return True
        newest = nlargest(LOOKED_FOR, self.lines(), key=lambda line: line.time)
        return bool(self._unknown(self._operations(newest)))

    def take(self, erase: Callable[[ListedErases], T]) -> T:
        """See `engine.port.Transaction.take_listed_erases`."""
        lines = self.lines()
        listed = self._operations(lines)
        unknown = self._unknown(listed)
        receipts = list(self._kept_receipts(set()))
        self._warn_of_older(lines, receipts)
        # A subject that was erased before this copy was made may have new memories in it.
        since = [line for line in lines if line.operation_id in unknown]
        answer = erase(
            ListedErases(
                # The log may be older than the receipts: Kafka is copied first.
                {raw for erased in (*lines, *receipts) for raw in erased.cube_ids},
                {subject for line in since for subject in line.subjects},
            )
        )
        missing = [one for one in receipts if one.operation_id not in listed]
        if missing and self.can_be_kept():
            self._list.append(missing)
        for operation_id in sorted(unknown):
            make_setting(self._settings, self._store, _taken(operation_id), "yes")
        write_setting(self._settings, self._store, PUT_BACK, "")
        return answer

    def findings(self) -> Iterator[Finding]:
        """What a doctor says of the list."""
        try:
            is_behind = self.is_behind()
        except Damaged as error:
            yield Finding("error", str(error), "put your newest copy of the list back")
            return
        if is_behind:
            yield Finding(
                "warning",
                f"{self.path.name} may name what was erased after this copy of the vault was made",
                "put your newest list there, and open the vault: it is erased again then",
            )
        if not self.can_be_kept():
            yield Finding(
                "warning",
                f"no list of erases can be kept at {self.path}: an older copy of the servers that is "
                "restored would bring back what was erased",
                "open the vault now and then where that file can be written, or name another as "
                "erased_list in the settings",
            )

    def _warn_of_older(self, lines: Sequence[Erased], receipts: Sequence[Erased]) -> None:
        if not receipts:  # nothing that is known was ever erased
            return
        newest = max((line.time for line in lines), default=0)
        known = max(receipt.time for receipt in receipts)
        if self.path.exists() and known <= newest:
            return
        state = f"ends at {_told(newest)}" if newest else "is empty"
        if not self.path.exists():
            state = "is not there"
        told = f", and the newest receipt that is known is of {_told(known)}"
        warnings.warn(
            f"{self._settings.path} was put back, the list of erases {self.path} {state}{told}: what was "
            "erased since the copy was made may be back; put the newest list there and open the vault "
            "again, or ask again for each erase since",
            stacklevel=2,
        )

    def _kept_receipts(self, listed: Collection[bytes]) -> Iterator[Erased]:
        """What the receipts name of the erases that are not among some."""
        cql = f"SELECT operation_id, receipt FROM {self._base}.erasure"
        for operation_id, receipt in self._store.stream(cql):
            if operation_id not in listed:
                try:
                    yield Erased.from_receipt(self._origin, receipt)
                except (KeyError, TypeError, ValueError):
                    continue  # an audit names a receipt that is damaged

    def _unknown(self, operation_ids: set[bytes]) -> set[bytes]:
        """Those of some erases of which this copy of the vault knows nothing."""
        unknown = sorted(operation_ids)
        # In this order: an erase that ends meanwhile gets its receipt before it is no longer begun.
        for table in ("erasure_begun", "erasure"):
            cql = f"SELECT operation_id FROM {self._base}.{table} WHERE operation_id = ?"
            found = self._store.concurrently(cql, [(each,) for each in unknown])
            unknown = [each for each, rows in zip(unknown, found, strict=True) if not rows]
        cql = f"SELECT name FROM {self._base}.setting WHERE name = ?"
        taken = self._store.concurrently(cql, [(_taken(each),) for each in unknown])
        return {each for each, rows in zip(unknown, taken, strict=True) if not rows}

    @staticmethod
    def _operations(lines: Iterable[Erased]) -> set[bytes]:
        return {line.operation_id for line in lines if line.operation_id}


def say_put_back(settings: DistributedSettings, store: CassandraSession) -> None:
    """Have the list of erases taken by whoever opens the vault next."""
    write_setting(settings, store, PUT_BACK, "yes")


def _taken(operation_id: bytes) -> str:
    return f"{TAKEN}/{operation_id.hex()}"


def _told(time: int) -> str:
    return datetime.fromtimestamp(time / 1e6, UTC).isoformat(timespec="seconds")
