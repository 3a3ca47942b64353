"""MemLoader: an export becomes a vault, or joins one. Whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from google.protobuf.message import DecodeError

from memos.infrastructure.engine.dump import EventLine
from memos.infrastructure.engine.location import open_directory
from memos.infrastructure.engine.owed import OWED_ERASES, owed_to_text
from memos.infrastructure.engine.port import Engine
from memos.infrastructure.engine.replay import CREATING, ReplayTransaction
from memos.infrastructure.keys.root import sync_directory
from memos.infrastructure.log.ancestry import (
    LOADED_CHECKPOINT,
    LOADED_FROM,
    LOADED_SIZE,
    MIGRATED_CUTS,
    FirstPlace,
    cuts_to_text,
)
from memos.infrastructure.progress import Progress
from memos.infrastructure.transfer.layout import decoded
from memos.infrastructure.transfer.load.dump import Dump
from memos.infrastructure.transfer.package import staged
from memos.kernel.api_key import API_KEY_KINDS
from memos.kernel.errors import Damaged, KeysMissing, Refused
from memos.kernel.event import Kind, id_text
from memos.kernel.foreign import objection
from memos.kernel.scope import check_scope, tenant_of
from memos.wire.access_pb2 import AccessEvent
from memos.wire.event_pb2 import Event

PROGRESS_EVERY = 2_000

_OF_THE_VAULT = API_KEY_KINDS | {Kind.CUT_NAMED}
"""The kinds that may stand in the vault's own scope, which is of no tenant."""


@dataclass(frozen=True, slots=True)
class RefusedCube:
    """A cube that was not taken, and why."""

    cube_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class LoadReport:
    """What a load did. `events` were appended, `present` were there already; `left_out` belong
    to refused cubes, or mean nothing outside their first log (its named cuts, its tenants' administrators
    and settings, and attempts on cubes that never were). `untold` are cubes that were taken though
    nobody can tell whether their subject was erased here: a subject's digest is under each vault's
    own key. `erased` are cubes that an erase in the export took, those that went on differently here
    too, and what was made of them here; `left` are such cubes that are held, here or already where the
    export is from: they are erased by the next sweep or import once the hold is lifted.
    """

    origin: str
    complete: bool
    events: int
    present: int
    left_out: int
    refused: tuple[RefusedCube, ...]
    untold: tuple[str, ...] = ()
    erased: tuple[str, ...] = ()
    left: tuple[str, ...] = ()

    @property
    def ok(self) -> bool:
        """Whether every cube of the export is here."""
        return not self.refused


class KeyQueue:
    """Hands out cube keys in the order in which cubes are made, one of them in memory at a time."""

    def __init__(self, dump: Dump) -> None:
        self._keys = dump.cube_keys()
        self._next = next(self._keys, None)
        self.erased = frozenset(dump.tombstones())

    def take(self, line: EventLine, event: Event) -> bytes | None:
        """The key that comes with a cube's first record; None where it was erased, or is none.

        Raises:
            Refused: a live memory has no key, or an erased one has.
        """
        if line.sequence != 1 or event.kind not in CREATING:
            return None
        key = None
        if self._next is not None and self._next[0] == event.cube_id:
            key = self._next[1]
            self._next = next(self._keys, None)
        if (key is None) != (event.cube_id in self.erased):
            what = "an erased cube" if key else "a memory that was not erased"
            raise Refused(
                f"{what} comes {'with' if key else 'without'} its key: {id_text(event.cube_id)}"
            )
        return key

    def check_empty(self) -> None:
        """Raise Refused where a key belongs to no cube of the export."""
        if self._next is not None:
            raise Refused(f"the export holds a key that fits no cube: {id_text(self._next[0])}")


class Replayer:
    """Appends the events of one export in a transaction, and checks what they become."""

    def __init__(self, transaction: ReplayTransaction, dump: Dump) -> None:
        self._transaction = transaction
        self.origin = dump.checkpoint.origin
        self.count = 0
        self._tenants: set[str] = set()

    def append(self, line: EventLine, event: Event, log_time: int, key: bytes | None) -> None:
        """Append one event.

        Raises:
            Refused: it means something else here than where it comes from.
        """
        self._check_envelope(line, event)
        if key is not None:
            self._check_tenant(event.tenant)
        sequence = self._transaction.append(line.data, event, log_time, key)
        if sequence != line.sequence:
            raise Refused(
                f"the event at 0:{line.offset} should be number {line.sequence} of its cube and "
                f"is number {sequence}: events are missing"
            )
        self.count += 1

    def keep_first_place(self, line: EventLine) -> None:
        """Keep where the record just appended first stood, beside where it stands now."""
        self._transaction.keep_first_place(
            line.first or FirstPlace(self.origin, line.offset, line.log_time)
        )

    def _check_tenant(self, tenant: str) -> None:
        """Whether the key under which a tenant's subjects stand has come along."""
        if tenant in self._tenants:
            return
        try:
            self._transaction.keys.tenant_key(tenant, create=False)
        except KeysMissing:
            raise Refused(
                f"the export has memories of tenant {tenant} without the tenant's key: no subject "
                "and no source of theirs could be found"
            ) from None
        self._tenants.add(tenant)

    def _check_envelope(self, line: EventLine, event: Event) -> None:
        where = f"the event at 0:{line.offset}"
        reason = objection(event)
        if reason:
            raise Refused(f"{where} is none that a vault writes: {reason}")
        if event.tenant != tenant_of(event.scope):
            raise Refused(f"{where} is of another tenant than its scope")
        if event.scope or event.kind not in _OF_THE_VAULT:
            try:
                check_scope(event.scope)
            except ValueError as error:
                raise Refused(f"{where}: {error}") from None


@dataclass(frozen=True, slots=True)
class Making:
    """How a vault is made of an export: `actor` administers it."""

    actor: str
    clock: Callable[[], int]
    progress: Progress


def load_new(dump: Dump, target: Path, making: Making) -> LoadReport:
    """Make a vault of an export: built aside, checked, renamed.

    A complete export keeps every position and log time; a part keeps the log times, and its
    first positions beside the new ones.

    Raises:
        Refused: something in the export does not hold; nothing is left behind.
    """
    with staged(target) as stage:
        directory = stage / "vault"
        with built(dump, directory, making) as (_, report):
            pass
        directory.rename(target)
    sync_directory(target.absolute().parent)
    return report


@contextmanager
def built(dump: Dump, directory: Path, making: Making) -> Iterator[tuple[Engine, LoadReport]]:
    """An export, folded into a new vault in a directory and checked; open inside.

    Raises:
        Refused: something in the export does not hold.
    """
    engine = open_directory(directory, actor=making.actor, clock=making.clock)
    with closing(engine):
        with foreign():
            report = engine.replay("load").transact(
                lambda transaction: _fill(transaction, dump, making)
            )
        yield engine, report


def _fill(transaction: ReplayTransaction, dump: Dump, making: Making) -> LoadReport:
    manifest = dump.manifest
    for tenant, key in dump.tenant_keys():
        transaction.keys.add_tenant_key(tenant, key)
    keys = KeyQueue(dump)
    replayer = Replayer(transaction, dump)
    for done, line in enumerate(dump.events(), 1):
        event = decoded(line.data)
        if event is None:
            transaction.append_undecodable(line.data, line.log_time)
        else:
            replayer.append(line, event, line.log_time, keys.take(line, event))
        if line.first is not None or not manifest.complete:
            replayer.keep_first_place(line)
        report_progress(making.progress, done, manifest.events)
    keys.check_empty()
    _take_rest(transaction, dump)
    _check_result(transaction, dump)
    owed = tuple(id_text(one.cube_id) for one in manifest.owed)
    return LoadReport(replayer.origin, manifest.complete, manifest.events, 0, 0, (), left=owed)


def _take_rest(transaction: ReplayTransaction, dump: Dump) -> None:
    """The access log, the erasure receipts, and where all of it comes from."""
    transaction.take_accesses(_accesses(dump))
    transaction.keep_erasures(dump.erasures(), [dump.manifest.verifier_key])
    cuts = {name: {0: size} for name, size in dump.manifest.cuts.items()}
    transaction.keep_settings(
        {
            LOADED_FROM: dump.manifest.verifier_key,
            LOADED_CHECKPOINT: dump.checkpoint_note,
            LOADED_SIZE: str(dump.manifest.events if dump.manifest.complete else 0),
            MIGRATED_CUTS: cuts_to_text(cuts),
        }
    )
    if dump.manifest.owed:
        transaction.keep_settings({OWED_ERASES: owed_to_text(dump.manifest.owed)})


def _accesses(dump: Dump) -> Iterator[tuple[int, bytes]]:
    for access in dump.accesses():
        AccessEvent.FromString(access.data)
        yield access.log_time, access.data


def _check_result(transaction: ReplayTransaction, dump: Dump) -> None:
    """What the events fold to must be what the export promised."""
    tombstones = zip_longest(transaction.erased_cubes(), dump.tombstones())
    if any(here != there for here, there in tombstones):
        raise Refused("the tombstones are not those of the cubes that the events erase")
    if transaction.reader().vault.erasing():
        raise Refused("an erase was under way when this was exported: finish it and export again")
    if transaction.digest() != dump.manifest.digest:
        raise Refused("the events fold to another digest than the export promises")


@contextmanager
def foreign() -> Iterator[None]:
    """Inside, whatever foreign bytes break is a refusal with its reason."""
    try:
        yield
    except KeysMissing:
        raise  # of the vault that it is loaded into
    except (Damaged, DecodeError, ValueError, OverflowError) as error:
        raise Refused(f"the export holds what no vault wrote: {error}") from error


def report_progress(progress: Progress, done: int, total: int) -> None:
    """Progress of the second half of a load; checking was the first."""
    if not done % PROGRESS_EVERY:
        progress(total + done, 2 * total)
