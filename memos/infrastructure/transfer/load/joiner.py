"""Loading into a vault that has memories of its own: its tombstones first, then what is new.

A cube's records are compared by their number and event id with those that are here. What is here
is passed over, what goes on from there is appended, and a cube that went two ways is refused: but one
that the export says is erased ends here, whatever became of it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple, TypeVar

from memos.infrastructure.engine.dump import EventLine
from memos.infrastructure.engine.replay import Replay, ReplayTransaction
from memos.infrastructure.progress import Progress
from memos.infrastructure.transfer.layout import END_OF_TIME, decoded
from memos.infrastructure.transfer.load.dump import Dump
from memos.infrastructure.transfer.load.loader import (
    KeyQueue,
    LoadReport,
    RefusedCube,
    Replayer,
    foreign,
    report_progress,
)
from memos.kernel.cube import Lifecycle
from memos.kernel.errors import Refused
from memos.kernel.event import Kind, id_text
from memos.kernel.lineage import CARRIES_TAINT
from memos.kernel.scope import tenant_of
from memos.kernel.tenant import TENANT_KINDS
from memos.wire.event_pb2 import Event

T = TypeVar("T")

KNOWN_CUBES = 100_000
MOST_KEYS = 100
"""Keys of one tenant that an export may bring: its own vault's, and those that were loaded there."""

Admit = Callable[[str], None]
"""Raises Denied where the caller may not load memories of this tenant."""


class Joined(NamedTuple):
    """What a load appended, and what follows from it here.

    Attributes:
        report: of the load so far.
        erased: the cubes of here that an erase in the export took.
        ended: those that it would have taken, had they not gone on differently here.
    """

    report: LoadReport
    erased: list[bytes]
    ended: list[bytes]


class LocalCube(NamedTuple):
    """What is here of a cube: the count of its records, whether it was erased, and whose it is."""

    sequence: int
    erased: bool
    tenant: str = ""


_OF_ONE_VAULT = TENANT_KINDS | {Kind.CUT_NAMED}


class Joiner:
    """One load into an open vault, inside its write transaction."""

    def __init__(self, transaction: ReplayTransaction, dump: Dump) -> None:
        self._transaction = transaction
        self._dump = dump
        self._keys = KeyQueue(dump)
        self._replayer = Replayer(transaction, dump)
        self._vault = transaction.reader().vault
        self._here = lru_cache(KNOWN_CUBES)(self._look_up)
        self._erased_subjects = transaction.erased_subjects()
        self._refused: dict[bytes, str] = {}
        self._same: set[bytes] = set()
        """The cubes that the export says are erased and that are here, with the same first record."""
        self._ended: set[bytes] = set()
        """Those of them whose records cannot be taken."""
        self._erased: list[bytes] = []
        self._new: dict[bytes, str] = {}
        self._learned: dict[bytes, int] = {}
        """The cubes with records that are not here: the tenant of each, and when it was first learned."""

    def join(self, admit: Admit, progress: Progress) -> Joined:
        """Judge every cube, then append what is new.

        Raises:
            Denied, Refused: nothing was taken.
        """
        self._judge(admit)
        pending = self._vault.erasing()
        untold = self._join_rings()
        present = left_out = 0
        for done, line in enumerate(self._dump.events(), 1):
            event = decoded(line.data)
            if event is None:
                left_out += 1
                continue
            key = self._keys.take(line, event)
            if self._means_nothing_here(line, event) or self._is_left_out(event.cube_id):
                left_out += 1
            elif line.sequence <= self._here(event.cube_id).sequence:
                present += 1
            else:
                if event.kind == Kind.ERASED and event.cube_id != event.operation_id:
                    self._erased.append(event.cube_id)
                self._replayer.append(line, event, self._transaction.log_time, key)
                self._replayer.keep_first_place(line)
            report_progress(progress, done, self._dump.manifest.events)
        self._keys.check_empty()
        self._transaction.keep_erasures(self._erasures(), [self._dump.manifest.verifier_key])
        if self._transaction.reader().vault.erasing() != pending:
            raise Refused("an erase was under way in the export: finish it there, export again")
        report = LoadReport(
            self._replayer.origin,
            self._dump.manifest.complete,
            self._replayer.count,
            present,
            left_out,
            tuple(RefusedCube(id_text(raw), why) for raw, why in self._refused.items()),
            tuple(map(id_text, untold)),
            tuple(map(id_text, self._erased)),
        )
        ended = sorted(raw for raw in self._ended if not self._here(raw).erased)
        return Joined(report, self._erased, ended)

    def _is_left_out(self, cube_id: bytes) -> bool:
        return cube_id in self._refused or cube_id in self._ended

    def _erasures(self) -> Iterator[tuple[bytes, str]]:
        """The receipts of the erases that are taken.

        Raises:
            Refused: one is no receipt of its erase.
        """
        for operation_id, receipt in self._dump.erasures():
            if operation_id in self._new and not self._is_left_out(operation_id):
                _check_receipt(operation_id, receipt)
                yield operation_id, receipt

    def _join_rings(self) -> list[bytes]:
        """Add the exporter's keys of tenants of whom something is taken, and of no other.

        Returns:
            The new cubes of which nobody can tell whether their subject was erased here: their
            digests may be under a key that was not in the ring when it was.
        """
        taken = {t for raw, t in self._new.items() if not self._is_left_out(raw)}
        last = {t: max(erased.values()) for t, erased in self._erased_subjects.items() if erased}
        untold: dict[str, int] = {}
        for tenant, keys in self._rings(taken).items():
            own = self._transaction.keys.tenant_key(tenant)  # this vault's own key comes first
            for key in keys:
                if key == own:
                    continue
                if self._joined(tenant, key) >= last.get(tenant, -1) and tenant in last:
                    untold[tenant] = last[tenant]
                self._transaction.keys.add_tenant_key(tenant, key)
        return [
            raw
            for raw, tenant in self._new.items()
            if not self._is_left_out(raw) and self._learned[raw] <= untold.get(tenant, -1)
        ]

    def _rings(self, tenants: Collection[str]) -> dict[str, list[bytes]]:
        """The exporter's keys of these tenants, each ring in its order."""
        rings: dict[str, list[bytes]] = {}
        for tenant, key in self._dump.tenant_keys():
            if tenant in tenants:
                ring = rings.setdefault(tenant, [])
                ring.append(key)
                if len(ring) > MOST_KEYS:
                    raise Refused(
                        f"the export brings more than {MOST_KEYS} keys of tenant {tenant}: every "
                        "look-up of a subject or a source would have to try all of them"
                    )
        return rings

    def _joined(self, tenant: str, key: bytes) -> int:
        """The log time at which a key joined the ring of a tenant; now where it is new."""
        name = f"ring/{tenant}/{sha256(key).hexdigest()[:16]}"
        stored = self._transaction.setting(name)
        if stored:
            return int(stored)
        if key in self._transaction.keys.ring(tenant):
            return END_OF_TIME  # by a release that did not write it down
        self._transaction.keep_settings({name: str(self._transaction.log_time)})
        return self._transaction.log_time

    def _judge(self, admit: Admit) -> None:
        """Decide about every cube before anything is written."""
        admitted = set()
        for line in self._dump.events():
            event = decoded(line.data)
            if event is None or self._means_nothing_here(line, event):
                continue
            if event.tenant not in admitted:
                admit(event.tenant)
                admitted.add(event.tenant)
            if not self._is_left_out(event.cube_id):
                reason = self._objection(line, event)
                if reason and event.cube_id in self._same:
                    self._ended.add(event.cube_id)
                elif reason:
                    self._refused[event.cube_id] = reason
                elif line.sequence > self._here(event.cube_id).sequence:
                    self._new.setdefault(event.cube_id, event.tenant)
                    self._learned.setdefault(event.cube_id, _learned(line))

    def _objection(self, line: EventLine, event: Event) -> str:
        here = self._here(event.cube_id)
        if here.tenant not in ("", event.tenant):
            return "its id cannot be taken here"
        if here.erased and event.cube_id not in self._keys.erased:
            return "it was erased here"
        if line.sequence <= here.sequence:
            if self._transaction.event_id(event.cube_id, line.sequence) == event.event_id:
                if line.sequence == 1 and event.cube_id in self._keys.erased:
                    self._same.add(event.cube_id)
                return ""
            return f"it has another history here from its record {line.sequence} on"
        for edge in event.edges:
            source = edge.other.cube_id
            if edge.relation in CARRIES_TAINT and (
                source in self._refused or self._here(source).erased
            ):
                return f"it was derived from cube {id_text(source)}, which is not taken here"
        erased = self._erased_subjects.get(event.tenant, {})
        for subject in event.subject_digests:
            if _learned(line) <= erased.get(subject, -1):
                return "its subject was erased here"
        return ""

    def _means_nothing_here(self, line: EventLine, event: Event) -> bool:
        """A cut names positions of its own log; who administers a tenant there does not administer
        it here; an attempt on no cube changed nothing.
        """
        return event.kind in _OF_ONE_VAULT or line.sequence == 0

    def _look_up(self, cube_id: bytes) -> LocalCube:
        state = self._vault.head(cube_id)
        if state is None:
            return LocalCube(0, erased=False)
        erased = state.lifecycle is Lifecycle.ERASED
        return LocalCube(state.sequence, erased, tenant_of(state.scope))


def _check_receipt(operation_id: bytes, receipt: str) -> None:
    try:
        stored = json.loads(receipt)
        named = [stored["operation_id"], stored["erased_at"], stored["note"]]
        lists = [stored["cube_ids"], stored["restored"], stored["artefacts"]]
    except (KeyError, TypeError, ValueError):
        named, lists = [], []
    if (
        not named
        or named[0] != id_text(operation_id)
        or not all(isinstance(text, str) for text in named)
        or not all(isinstance(items, list) for items in lists)
    ):
        raise Refused(f"what stands for the receipt of the erase {id_text(operation_id)} is none")


def _learned(line: EventLine) -> int:
    """The log time of a record where it was first written."""
    return line.log_time if line.first is None else line.first.log_time


def load_into(
    replay: Replay,
    dump: Dump,
    admit: Admit,
    follow: Callable[[ReplayTransaction, Joined], T],
    progress: Progress,
) -> T:
    """Load an export into an open vault, in one transaction; repeated, it changes nothing.

    Records get new positions and log times and keep their first ones beside them. The access log
    stays behind: it tells of reads of another vault.

    Args:
        replay: the vault.
        dump: the export.
        admit: asked for every tenant of it.
        follow: does what follows from it here, in the same transaction.
        progress: told how far it is.

    Raises:
        Denied: the caller does not administer a tenant of the export.
        Refused: something in the export does not hold; nothing was taken.
    """

    def load(transaction: ReplayTransaction) -> T:
        return follow(transaction, Joiner(transaction, dump).join(admit, progress))

    with foreign():
        return replay.transact(load)
