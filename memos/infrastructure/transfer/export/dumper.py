"""MemDumper: one moment of a vault as files that a person can read and `sha256sum -c` can check."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, BinaryIO

from memos.infrastructure.batches import batched
from memos.infrastructure.engine.dump import Dumpable, DumpSelection, EventLine
from memos.infrastructure.engine.owed import OwedErase, owed_in, owed_to_object
from memos.infrastructure.engine.port import Engine
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.engine.replay import CREATING
from memos.infrastructure.progress import Progress
from memos.infrastructure.transfer import layout
from memos.infrastructure.transfer.files import NewFiles, file_sum, signed_text
from memos.infrastructure.transfer.layout import base64_text, encode_line
from memos.infrastructure.transfer.manifest import Base
from memos.infrastructure.transfer.wrapping import Wrapping, cube_binding, tenant_binding
from memos.kernel.cube import Lifecycle
from memos.kernel.errors import Refused, VaultError
from memos.kernel.event import Position, id_text
from memos.kernel.moment import At
from memos.kernel.note import Checkpoint
from memos.kernel.scope import tenant_of
from memos.wire.access_pb2 import AccessEvent

Describe = Callable[[Dumpable, bytes], Mapping[str, Any]]
"""What an export says of a memory to people."""

LINES_AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Dumped:
    """What a dump holds; `at` is the moment that it is of."""

    at: At
    events: int
    memories: int
    tombstones: int


class MemDumper:
    """Writes the files of one export. Memory stays flat in the size of the vault."""

    def __init__(
        self,
        source: Dumpable,
        engine: Engine,
        files: NewFiles,
        selection: DumpSelection,
        wrapping: Wrapping,
        describe: Describe,
        progress: Progress,
        base: Base | None = None,
    ) -> None:
        self._source = source
        self._engine = engine
        self._files = files
        self._selection = selection
        self._wrapping = wrapping
        self._describe = describe
        self._progress = progress
        self._base = base
        self._tenants: set[str] = set()

    def dump(self, created: str) -> Dumped:
        """Write every file. `created` is the time that the manifest says.

        Raises:
            Damaged: a record or a head cannot be read.
        """
        source = self._source
        if self._base is not None:
            self._check_base(self._base)
        tombstones = self._write(layout.TOMBSTONES, self._tombstones())
        events, cubes, memories = self._write_log()
        self._write(layout.TENANT_KEYS, self._tenant_keys())
        accesses = self._write(layout.ACCESSES, self._accesses())
        self._write(layout.ERASURES, self._erasures())
        signer = self._engine.proofs.signer()
        head = Checkpoint(self._engine.origin, *source.tree())
        note = signer.sign(head.format())
        self._write(layout.CHECKPOINT, [note.encode()])
        complete = self._selection.chosen is None
        manifest = {
            "format": layout.FORMAT,
            "major": layout.MAJOR,
            "minor": layout.MINOR,
            "created": created,
            "vault_id": self._engine.setting("vault_id"),
            "verifier_key": signer.verifier_key,
            "complete": complete,
            "base": None if self._base is None else self._base.digest,
            "scope": self._selection.scope,
            # A filter may quote what is sealed.
            "filter": self._selection.filter if self._wrapping.in_clear else None,
            "events": events,
            "cubes": cubes,
            "tombstones": tombstones,
            "accesses": accesses,
            "cuts": dict(source.cuts()) if complete else {},
            "owed": self._owed(),
            "end": layout.end_entry(source.ended()) if complete else None,
            "digest": source.digest(self._selection),
            "keys": dict(self._wrapping.described),
        }
        self._write(layout.MANIFEST, [_indented(manifest)])
        sums = self._sums()
        self._write(layout.CHECKSUMS, [sums])
        signed = signer.sign(signed_text(sums))
        self._write(layout.SIGNATURE, [signed.encode()])
        return Dumped(source.at, events, memories, tombstones)

    def _check_base(self, base: Base) -> None:
        if not self._source.goes_on_from(base.end):
            raise Refused(
                "the log of this vault is not the one that the export before was made of, or was cut "
                "since, by a restore: make an export of the whole vault"
            )
        for cube_id in self._source.reader.vault.erasing():
            raise _being_erased(cube_id)

    def _tombstones(self) -> Iterator[bytes]:
        for erased in self._source.erased(self._selection):
            yield encode_line(
                {
                    "cube_id": id_text(erased.cube_id),
                    "scope": erased.scope,
                    "operation_id": id_text(erased.operation_id),
                    "position": str(erased.position),
                    "log_time": erased.log_time,
                }
            )

    def _write_log(self) -> tuple[int, int, int]:
        """The records, and with its first one each memory and its key; how many records, cubes and
        memories.
        """
        events = cubes = written = 0
        lines = self._source.lines(self._selection, self._progress)
        with ExitStack() as stack:
            log, memories, keys = (
                stack.enter_context(self._files.write(name))
                for name in (layout.EVENTS, layout.MEMORIES, layout.CUBE_KEYS)
            )
            for batch in batched(lines, LINES_AT_ONCE):
                log.write(b"".join(encode_line(layout.event_entry(line)) for line in batch))
                events += len(batch)
                created = list(_created_in(batch))
                self._source.read_ahead(created)
                written += sum(self._write_cube(cube_id, memories, keys) for cube_id in created)
                cubes += len(created)
        return events, cubes, written

    def _write_cube(self, cube_id: bytes, memories: BinaryIO, keys: BinaryIO) -> bool:
        """Write a memory and its key; whether it has any."""
        state = self._source.state(cube_id)
        self._tenants.add(tenant_of(state.scope))
        if state.lifecycle is Lifecycle.ERASED:
            return False
        if state.erasing:
            raise _being_erased(cube_id)
        keys.write(self._cube_key(self._source.reader, cube_id))
        memories.write(encode_line(self._describe(self._source, cube_id)))
        return True

    def _cube_key(self, reader: Reader, cube_id: bytes) -> bytes:
        key = reader.cube_key(cube_id)
        if key is None:
            raise VaultError(
                f"the key of cube {id_text(cube_id)} is gone: if it is being erased just now, "
                "export again; otherwise run `memos doctor`"
            )
        sealed = self._wrapping.seal(key, cube_binding(cube_id))
        return encode_line({"cube_id": id_text(cube_id), "key": base64_text(sealed)})

    def _tenant_keys(self) -> Iterator[bytes]:
        store = self._engine.keys
        complete = self._selection.chosen is None
        for tenant in store.tenants() if complete else sorted(self._tenants):
            for place, key in enumerate(store.ring(tenant)):
                sealed = self._wrapping.seal(key, tenant_binding(tenant, place))
                yield encode_line({"tenant": tenant, "place": place, "key": base64_text(sealed)})

    def _accesses(self) -> Iterator[bytes]:
        if self._selection.chosen is not None:
            return
        since = self._selection.since
        begin = 0 if since is None else sum(since.accesses.values())
        for position, (log_time, data) in enumerate(self._source.accesses(since), begin):
            event = AccessEvent.FromString(data)
            yield encode_line(
                {
                    "position": str(Position(0, position)),
                    "log_time": log_time,
                    "actor": event.actor,
                    "action": event.action,
                    "denied_by": event.rule,
                    "data": base64_text(data),
                }
            )

    def _erasures(self) -> Iterator[bytes]:
        if self._selection.chosen is not None:
            return
        for operation_id, receipt in self._source.erasures():
            yield encode_line({"operation_id": id_text(operation_id), "receipt": receipt})

    def _owed(self) -> dict[str, list[str]]:
        """The erases that wait for a hold to be lifted: whoever loads this owes them, too."""
        owed = owed_in(self._engine.setting)
        if not owed:
            return {}
        spared = {cube_id for one in owed for cube_id in one.spared}
        heads = self._source.reader.vault.heads_many({one.cube_id for one in owed} | spared)
        here = {cube_id for cube_id, state in heads.items() if self._selection.accepts(state)}
        return owed_to_object(
            OwedErase(one.cube_id, one.spared & here)
            for one in owed
            if one.cube_id in here and heads[one.cube_id].lifecycle is not Lifecycle.ERASED
        )

    def _write(self, name: str, lines: Iterable[bytes]) -> int:
        count = 0
        with self._files.write(name) as file:
            for line in lines:
                file.write(line)
                count += 1
        return count

    def _sums(self) -> bytes:
        lines = [f"{file_sum(self._files.path(name))}  {name}\n" for name in layout.SUMMED]
        return "".join(lines).encode()


def _being_erased(cube_id: bytes) -> VaultError:
    return VaultError(
        f"cube {id_text(cube_id)} is being erased: open the vault again, which finishes it, and then "
        "export"
    )


def _created_in(lines: Sequence[EventLine]) -> Iterator[bytes]:
    """The memories whose first record is among these."""
    for line in lines:
        event = layout.decoded(line.data) if line.sequence == 1 else None
        if event is not None and event.kind in CREATING:
            yield event.cube_id


def _indented(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"
