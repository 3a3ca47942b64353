"""Reading an export: nothing of it is believed before its checksums and signature hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Self

from memos.infrastructure.engine.dump import EventLine
from memos.infrastructure.engine.owed import OwedErase, owed_in_object
from memos.infrastructure.keys.signer import NoteVerifier
from memos.infrastructure.progress import Progress
from memos.infrastructure.transfer import layout
from memos.infrastructure.transfer.files import file_sum, signed_text
from memos.infrastructure.transfer.layout import bytes_of, id_of, number_of, text_of
from memos.infrastructure.transfer.wrapping import Wrapping, cube_binding, tenant_binding
from memos.kernel.errors import Refused
from memos.kernel.leaf import leaf_of
from memos.kernel.merkle import Frontier
from memos.kernel.note import Checkpoint, NoteError, open_note

PROGRESS_EVERY = 10_000


@dataclass(frozen=True, slots=True)
class Manifest:
    """What an export says of itself. `digest` is that of the cubes it holds; `owed` are erases that wait
    there for a hold to be lifted.
    """

    vault_id: str
    verifier_key: str
    complete: bool
    events: int
    cubes: int
    tombstones: int
    accesses: int
    digest: str
    keys: Mapping[str, Any]
    cuts: Mapping[str, int]
    owed: Sequence[OwedErase]

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Read a manifest.

        Raises:
            Refused: it is none, or of a format that this release does not read.
        """
        where = layout.MANIFEST
        fields = layout.decode_object(data, where)
        if fields.get("format") != layout.FORMAT:
            raise Refused(f"{where} is of format {fields.get('format')!r}, not {layout.FORMAT}")
        major = number_of(fields, "major", where)
        if major != layout.MAJOR:
            raise Refused(
                f"the export has format {major}, and this release of MemOS reads "
                f"{layout.MAJOR}: use the release that it was made for"
            )
        keys, complete = fields.get("keys"), fields.get("complete")
        if not isinstance(keys, dict) or not isinstance(complete, bool):
            raise Refused(f"{where}: 'keys' must be an object, and 'complete' true or false")
        return cls(
            text_of(fields, "vault_id", where),
            text_of(fields, "verifier_key", where),
            complete,
            number_of(fields, "events", where),
            number_of(fields, "cubes", where),
            number_of(fields, "tombstones", where),
            number_of(fields, "accesses", where),
            text_of(fields, "digest", where),
            keys,
            _cuts_of(fields.get("cuts", {}), where),
            _owed_of(fields.get("owed", {}), where),
        )


class AccessLine(NamedTuple):
    """One record of the access log."""

    position: int
    log_time: int
    data: bytes


class Dump:
    """An export whose every byte is the one that its vault signed."""

    def __init__(self, files: Mapping[str, Path], verifier_key: str | None = None) -> None:
        """Check an export.

        Args:
            files: where each of its files is.
            verifier_key: whose export it must be; by default that of its own manifest.

        Raises:
            Refused: a checksum, the signature or the format does not hold.
        """
        self._files = files
        self.manifest = Manifest.parse(files[layout.MANIFEST].read_bytes())
        self._check_signer(verifier_key)
        self._verifier = _verifier(self.manifest.verifier_key)
        self._check_sums()
        self.checkpoint_note = self._text(layout.CHECKPOINT)
        self.checkpoint = self._open_checkpoint()

    def check_log(self, progress: Progress) -> None:
        """Read every event, and hold the log against its signed checkpoint.

        A part of a log gives no root; the signature over the checksums stands for its events.

        Raises:
            Refused: an event is missing, changed, or out of order.
        """
        tree = Frontier()
        last_offset, last_time, count = -1, 0, 0
        for line in self.events():
            if self.manifest.complete and line.offset != count:
                raise Refused(f"the events skip from 0:{last_offset} to 0:{line.offset}")
            if line.offset <= last_offset or line.log_time < last_time:
                raise Refused(f"the event at 0:{line.offset} is out of order")
            last_offset, last_time = line.offset, line.log_time
            count += 1
            tree.push(_leaf(line))
            if not count % PROGRESS_EVERY:
                progress(count, 2 * self.manifest.events)
        if count != self.manifest.events:
            raise Refused(f"the export holds {count} events and promises {self.manifest.events}")
        if last_offset >= self.checkpoint.size:
            raise Refused("the export holds events behind its signed checkpoint")
        if self.manifest.complete and (tree.size, tree.root()) != (
            self.checkpoint.size,
            self.checkpoint.root,
        ):
            raise Refused("the events are not those of the log that the checkpoint signs")

    def events(self) -> Iterator[EventLine]:
        """The events, in log order."""
        for where, entry in self._lines(layout.EVENTS):
            yield layout.read_event_line(entry, where)

    def event_ids_on(self, cube_ids: Collection[bytes]) -> set[bytes]:
        """The ids of the events on some cubes."""
        if not cube_ids:
            return set()
        events = filter(None, (layout.decoded(line.data) for line in self.events()))
        return {event.event_id for event in events if event.cube_id in cube_ids}

    def cube_keys(self, wrapping: Wrapping) -> Iterator[tuple[bytes, bytes]]:
        """(cube id, key), in the order in which the cubes were made."""
        for where, entry in self._lines(layout.CUBE_KEYS):
            cube_id = id_of(entry, "cube_id", where)
            yield cube_id, wrapping.open(bytes_of(entry, "key", where), cube_binding(cube_id))

    def tenant_keys(self, wrapping: Wrapping) -> Iterator[tuple[str, bytes]]:
        """(tenant, key), each ring in its order."""
        for where, entry in self._lines(layout.TENANT_KEYS):
            tenant = text_of(entry, "tenant", where)
            bound_to = tenant_binding(tenant, number_of(entry, "place", where))
            yield tenant, wrapping.open(bytes_of(entry, "key", where), bound_to)

    def tombstones(self) -> Iterator[bytes]:
        """The ids of the cubes that were erased."""
        for where, entry in self._lines(layout.TOMBSTONES):
            yield id_of(entry, "cube_id", where)

    def accesses(self) -> Iterator[AccessLine]:
        """The access log, in order."""
        for where, entry in self._lines(layout.ACCESSES):
            yield AccessLine(
                layout.offset_of(entry, "position", where),
                number_of(entry, "log_time", where, layout.END_OF_TIME),
                bytes_of(entry, "data", where),
            )

    def erasures(self) -> Iterator[tuple[bytes, str]]:
        """(operation id, signed receipt) of every erase."""
        for where, entry in self._lines(layout.ERASURES):
            yield id_of(entry, "operation_id", where), text_of(entry, "receipt", where)

    def _lines(self, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
        with self._files[name].open("rb") as file:
            number = 0
            while line := file.readline(layout.MAX_LINE_BYTES + 1):
                number += 1
                where = f"{name} line {number}"
                if len(line) > layout.MAX_LINE_BYTES:
                    raise Refused(f"{where} is over {layout.MAX_LINE_BYTES:,} bytes long")
                yield where, layout.decode_object(line, where)

    def _text(self, name: str) -> str:
        try:
            return self._files[name].read_bytes().decode()
        except UnicodeDecodeError:
            raise Refused(f"{name} is no UTF-8 text") from None

    def _check_signer(self, verifier_key: str | None) -> None:
        if verifier_key is not None and verifier_key != self.manifest.verifier_key:
            raise Refused(
                f"the export is signed by {self.manifest.verifier_key.partition('+')[0]}, not by "
                "the vault that was asked for"
            )

    def _check_sums(self) -> None:
        sums = self._files[layout.CHECKSUMS].read_bytes()
        expected = "".join(
            f"{file_sum(self._files[name])}  {name}\n" for name in layout.SUMMED
        ).encode()
        for line, stated in zip(expected.split(b"\n"), sums.split(b"\n"), strict=False):
            if line != stated:
                name = line.decode().partition("  ")[2] or layout.CHECKSUMS
                raise Refused(f"{name} is not what it was: its checksum differs")
        if sums != expected:
            raise Refused(f"{layout.CHECKSUMS} does not list exactly the files of an export")
        try:
            signed = open_note(self._text(layout.SIGNATURE), [self._verifier]).text
        except NoteError as error:
            raise Refused(f"the export's signature does not hold: {error}") from None
        if signed != signed_text(sums):
            raise Refused("the export's signature is over other files")

    def _open_checkpoint(self) -> Checkpoint:
        try:
            opened = Checkpoint.parse(open_note(self.checkpoint_note, [self._verifier]).text)
        except NoteError as error:
            raise Refused(f"the log's checkpoint does not hold: {error}") from None
        if opened.origin != self._verifier.name:
            raise Refused("the checkpoint is of another log")
        return opened


def _leaf(line: EventLine) -> bytes:
    """The leaf hash of an exported record in its first log."""
    return leaf_of(line.offset, line.log_time, line.data)


def _cuts_of(cuts: object, where: str) -> dict[str, int]:
    if not isinstance(cuts, dict):
        raise Refused(f"{where}: 'cuts' must be an object")
    return {name: number_of(cuts, name, where) for name in cuts}


def _owed_of(owed: Any, where: str) -> list[OwedErase]:
    try:
        return owed_in_object(owed)
    except (ValueError, TypeError, AttributeError) as error:
        raise Refused(f"{where}: 'owed' must name ids ({error})") from None


def _verifier(key: str) -> NoteVerifier:
    try:
        return NoteVerifier(key)
    except ValueError as error:
        raise Refused(f"{layout.MANIFEST}: the verifier key is none: {error}") from None
