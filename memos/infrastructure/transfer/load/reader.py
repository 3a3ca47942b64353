"""Reading an export: nothing of it is believed before its checksums and signature hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from memos.infrastructure.engine.dump import EventLine
from memos.infrastructure.transfer import layout
from memos.infrastructure.transfer.files import file_sum
from memos.infrastructure.transfer.layout import bytes_of, id_of, number_of, text_of
from memos.infrastructure.transfer.manifest import (
    ExportManifest,
    signed_sums,
    sums_digest,
    verifier_of,
)
from memos.infrastructure.transfer.wrapping import (
    Wrapping,
    cube_binding,
    tenant_binding,
    unwrap,
)
from memos.kernel.errors import Refused
from memos.kernel.leaf import leaf_of
from memos.kernel.merkle import Frontier
from memos.kernel.note import Checkpoint, NoteError, open_note

PROGRESS_EVERY = 10_000


class AccessLine(NamedTuple):
    """One record of the access log."""

    position: int
    log_time: int
    data: bytes


class ExportPart:
    """An export, or an increment, whose every byte is the one that its vault signed."""

    def __init__(self, files: Mapping[str, Path], verifier_key: str | None = None) -> None:
        """Check it.

        Args:
            files: where each of its files is.
            verifier_key: whose export it must be; by default that of its own manifest.

        Raises:
            Refused: a checksum, the signature or the format does not hold.
        """
        self._files = files
        self.manifest = ExportManifest.parse(files[layout.MANIFEST].read_bytes())
        self._check_signer(verifier_key)
        self._verifier = verifier_of(self.manifest.verifier_key)
        self.sums_digest = sums_digest(self._checked_sums())
        self._wrapping: Wrapping | None = None
        self.checkpoint_note = layout.read_text(files, layout.CHECKPOINT)
        self.checkpoint = self._open_checkpoint()

    def unlock(self, passphrase: str | None, recipient_key: str | bytes | None) -> None:
        """Open the wrapping of its keys. Raises as `unwrap`."""
        self._wrapping = unwrap(self.manifest.keys, passphrase, recipient_key)

    def check_log(self, tree: Frontier, log_time: int, told: Callable[[int], None]) -> int:
        """Read every event, and hold the log against its signed checkpoint.

        A part of a vault gives no root; the signature over the checksums stands for its events.

        Args:
            tree: over the events before; takes in these.
            log_time: of the last event before.
            told: how many events were read, with those before.

        Returns:
            The log time of the last one.

        Raises:
            Refused: an event is missing, changed, or out of order.
        """
        complete, begin = self.manifest.complete, tree.size
        last_offset, last_time = begin - 1, log_time
        for line in self.events():
            if complete and line.offset != tree.size:
                raise Refused(f"the events skip from 0:{last_offset} to 0:{line.offset}")
            if line.offset <= last_offset or line.log_time < last_time:
                raise Refused(f"the event at 0:{line.offset} is out of order")
            last_offset, last_time = line.offset, line.log_time
            tree.push(_leaf(line))
            if not tree.size % PROGRESS_EVERY:
                told(tree.size)
        count = tree.size - begin
        if count != self.manifest.events:
            raise Refused(f"the export holds {count} events and promises {self.manifest.events}")
        if last_offset >= self.checkpoint.size:
            raise Refused("the export holds events behind its signed checkpoint")
        if complete and (tree.size, tree.root()) != (self.checkpoint.size, self.checkpoint.root):
            raise Refused("the events are not those of the log that the checkpoint signs")
        return last_time

    def events(self) -> Iterator[EventLine]:
        """The events, in log order."""
        for where, entry in self._lines(layout.EVENTS):
            yield layout.read_event_line(entry, where)

    def cube_keys(self) -> Iterator[tuple[bytes, bytes]]:
        """(cube id, key), in the order in which the cubes were made; once it is unlocked."""
        for where, entry in self._lines(layout.CUBE_KEYS):
            cube_id = id_of(entry, "cube_id", where)
            yield cube_id, self._opened.open(bytes_of(entry, "key", where), cube_binding(cube_id))

    def tenant_keys(self) -> Iterator[tuple[str, bytes]]:
        """(tenant, key), each ring in its order; once it is unlocked."""
        for where, entry in self._lines(layout.TENANT_KEYS):
            tenant = text_of(entry, "tenant", where)
            bound_to = tenant_binding(tenant, number_of(entry, "place", where))
            yield tenant, self._opened.open(bytes_of(entry, "key", where), bound_to)

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

    @property
    def _opened(self) -> Wrapping:
        if self._wrapping is None:
            raise ValueError("unlock the export first")
        return self._wrapping

    def _check_signer(self, verifier_key: str | None) -> None:
        if verifier_key is not None and verifier_key != self.manifest.verifier_key:
            raise Refused(
                f"the export is signed by {self.manifest.verifier_key.partition('+')[0]}, not by "
                "the vault that was asked for"
            )

    def _checked_sums(self) -> bytes:
        """The checksums, once every file is found to have its own, and the signature to be over them."""
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
        return signed_sums(self._files, self._verifier)

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
