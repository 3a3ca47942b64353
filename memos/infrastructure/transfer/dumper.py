"""MemDumper: one moment of a vault as files that a person can read and `sha256sum -c` can check."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from memos.infrastructure import audit
from memos.infrastructure.database import row, rows
from memos.infrastructure.embedded import EmbeddedEngine
from memos.infrastructure.embedded_reading import EmbeddedReading
from memos.infrastructure.engine import Progress
from memos.infrastructure.log.sqlite import read_record, stored_tree
from memos.infrastructure.transfer import layout
from memos.infrastructure.transfer.files import SyncedFile, file_sum, signed_text
from memos.infrastructure.transfer.layout import EventLine, First, base64_text, encode_line
from memos.infrastructure.transfer.wrapping import Wrapping, cube_binding, tenant_binding
from memos.infrastructure.vault.read import scope_condition, scope_values
from memos.kernel.cube import CubeState, Lifecycle, cube_digest
from memos.kernel.errors import Damaged, VaultError
from memos.kernel.event import Kind, Position, id_text
from memos.kernel.note import Checkpoint, sign_note
from memos.kernel.state import state_from_bytes
from memos.wire.access_pb2 import AccessEvent

Chosen = Callable[[CubeState], bool]
Describe = Callable[[EmbeddedReading, CubeState], Mapping[str, Any]]

CREATING = f"({Kind.GENERATED:d}, {Kind.CACHED:d}, {Kind.DISTILLED:d})"
PROGRESS_EVERY = 10_000


@dataclass(frozen=True, slots=True)
class Selection:
    """What an export holds: everything (`chosen` is None), or the cubes that `chosen` accepts.

    `scope` narrows the reading, `filter` only tells people what was asked for.
    """

    chosen: Chosen | None = None
    scope: str | None = None
    filter: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Dumped:
    """What a dump holds; `size` is the number of records that the log then had."""

    size: int
    events: int
    cubes: int
    tombstones: int


class MemDumper:
    """Writes one export into a directory. Memory stays flat in the size of the vault."""

    def __init__(
        self,
        reading: EmbeddedReading,
        engine: EmbeddedEngine,
        directory: Path,
        selection: Selection,
        wrapping: Wrapping,
        describe: Describe,
        progress: Progress,
    ) -> None:
        self._reading = reading
        self._connection = reading.connection
        self._engine = engine
        self._directory = directory
        self._selection = selection
        self._wrapping = wrapping
        self._describe = describe
        self._progress = progress
        self._tenants: set[str] = set()

    def dump(self, created: str) -> Dumped:
        """Write every file. `created` is the time that the manifest tells.

        Raises:
            Damaged: a record or a head cannot be read.
        """
        tree = stored_tree(self._connection)
        tombstones = self._write(layout.TOMBSTONES, self._tombstones())
        cubes = self._write_cubes()
        events = self._write(layout.EVENTS, self._events(tree.size))
        self._write(layout.TENANT_KEYS, self._tenant_keys())
        accesses = self._write(layout.ACCESSES, self._accesses())
        self._write(layout.ERASURES, self._erasures())
        signer = self._engine.signer()
        head = Checkpoint(self._engine.origin, tree.size, tree.root())
        note = sign_note(head.format(), [signer])
        self._write(layout.CHECKPOINT, [note.encode()])
        manifest = {
            "format": layout.FORMAT,
            "major": layout.MAJOR,
            "minor": layout.MINOR,
            "created": created,
            "vault_id": self._engine.setting("vault_id"),
            "verifier_key": signer.verifier_key,
            "complete": self._selection.chosen is None,
            "scope": self._selection.scope,
            # A filter may quote what is sealed.
            "filter": self._selection.filter if self._wrapping.in_clear else None,
            "events": events,
            "cubes": cubes,
            "tombstones": tombstones,
            "accesses": accesses,
            "digest": self._digest(),
            "keys": dict(self._wrapping.described),
        }
        self._write(layout.MANIFEST, [_indented(manifest)])
        sums = self._sums()
        self._write(layout.CHECKSUMS, [sums])
        signed = sign_note(signed_text(sums), [signer])
        self._write(layout.SIGNATURE, [signed.encode()])
        return Dumped(tree.size, events, cubes, tombstones)

    def _chosen(self, state: CubeState) -> bool:
        chosen = self._selection.chosen
        return chosen is None or chosen(state)

    def _head(self, cube_id: bytes) -> CubeState:
        state = self._reading.vault.head(cube_id)
        if state is None:
            raise Damaged(f"cube {id_text(cube_id)} has records but no head: run `memos rebuild`")
        return state

    def _scoped(self, sql: str) -> tuple[str, tuple[object, ...]]:
        """A statement that ends in a condition, narrowed to the selection's scope."""
        scope = self._selection.scope
        if scope is None:
            return sql, ()
        return f"{sql} AND {scope_condition('scope')}", scope_values(scope)

    def _tombstones(self) -> Iterator[bytes]:
        sql, values = self._scoped(
            f"SELECT cube_id FROM head WHERE lifecycle = {Lifecycle.ERASED:d}"
        )
        for (cube_id,) in rows(self._connection, f"{sql} ORDER BY cube_id", values):
            erased = self._reading.vault.state_at(cube_id)
            if erased is None or not self._chosen(self._head(cube_id)):
                continue
            yield encode_line(
                {
                    "cube_id": id_text(cube_id),
                    "scope": erased.scope,
                    "operation_id": id_text(erased.operation_id),
                    "position": str(erased.position),
                    "log_time": erased.log_time,
                }
            )

    def _write_cubes(self) -> int:
        """Memories and their keys, in the order in which they were made."""
        sql, values = self._scoped(
            f"SELECT cube_id FROM attempt WHERE result = 1 AND sequence = 1 AND kind IN {CREATING}"
        )
        count = 0
        with ExitStack() as stack:
            memories = stack.enter_context(SyncedFile(self._directory / layout.MEMORIES))
            keys = stack.enter_context(SyncedFile(self._directory / layout.CUBE_KEYS))
            for (cube_id,) in rows(self._connection, f"{sql} ORDER BY position", values):
                state = self._head(cube_id)
                if not self._chosen(state):
                    continue
                count += 1
                self._tenants.add(state.scope.partition("/")[0])
                if state.erasing and state.lifecycle is not Lifecycle.ERASED:
                    raise VaultError(
                        f"cube {id_text(cube_id)} is being erased: open the vault again, which "
                        "finishes it, and then export"
                    )
                if state.lifecycle is not Lifecycle.ERASED:
                    keys.write(self._cube_key(cube_id))
                    memories.write(encode_line(self._describe(self._reading, state)))
        return count

    def _cube_key(self, cube_id: bytes) -> bytes:
        key = self._engine.keys.key(self._connection, cube_id)
        if key is None:
            raise VaultError(
                f"the key of cube {id_text(cube_id)} is gone: if it is being erased just now, "
                "export again; otherwise run `memos doctor`"
            )
        sealed = self._wrapping.seal(key, cube_binding(cube_id))
        return encode_line({"cube_id": id_text(cube_id), "key": base64_text(sealed)})

    def _events(self, total: int) -> Iterator[bytes]:
        if self._selection.chosen is None:
            sql = (
                "SELECT offset, event.log_time, data, coalesce(sequence, 0)"
                " FROM event LEFT JOIN attempt ON position = offset ORDER BY offset"
            )
            for done, (offset, log_time, data, sequence) in enumerate(rows(self._connection, sql)):
                yield self._event(EventLine(offset, log_time, sequence, data))
                if not done % PROGRESS_EVERY:
                    self._progress(done, total)
            return
        sql, values = self._scoped("SELECT position, cube_id, sequence FROM attempt WHERE 1")
        for offset, cube_id, sequence in rows(self._connection, f"{sql} ORDER BY position", values):
            if not offset % PROGRESS_EVERY:
                self._progress(offset, total)
            if not sequence or not self._chosen(self._head(cube_id)):
                continue  # sequence 0: refused before there was a cube
            record = read_record(self._connection, offset)
            if record is None:
                raise Damaged(f"the log has no record at 0:{offset}: run `memos verify`")
            yield self._event(EventLine(offset, record.log_time, sequence, record.data))

    def _event(self, line: EventLine) -> bytes:
        sql = "SELECT origin, first_offset, first_log_time FROM migrated WHERE offset = ?"
        found = row(self._connection, sql, (line.offset,))
        first = None if found is None else First(*found)
        return encode_line(layout.event_entry(line._replace(first=first)))

    def _tenant_keys(self) -> Iterator[bytes]:
        store = self._engine.store
        complete = self._selection.chosen is None
        for tenant in store.tenants() if complete else sorted(self._tenants):
            for place, key in enumerate(store.tenant_keys(tenant, create=False)):
                sealed = self._wrapping.seal(key, tenant_binding(tenant, place))
                yield encode_line({"tenant": tenant, "place": place, "key": base64_text(sealed)})

    def _accesses(self) -> Iterator[bytes]:
        if self._selection.chosen is not None:
            return
        sql = "SELECT position, log_time, data FROM access ORDER BY position"
        for position, log_time, data in rows(self._connection, sql):
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
        sql = "SELECT operation_id, receipt FROM erasure ORDER BY operation_id"
        for operation_id, receipt in rows(self._connection, sql):
            yield encode_line({"operation_id": id_text(operation_id), "receipt": receipt})

    def _digest(self) -> str:
        if self._selection.chosen is None:
            return audit.digest(self._reading.vault)
        total = sha256(b"memos/digest/v1\n")
        for cube_id, stored, _ in self._reading.vault.heads():
            state = state_from_bytes(stored)
            if self._chosen(state):
                total.update(cube_id + cube_digest(state))
        return total.hexdigest()

    def _write(self, name: str, lines: Iterator[bytes] | list[bytes]) -> int:
        count = 0
        with SyncedFile(self._directory / name) as file:
            for line in lines:
                file.write(line)
                count += 1
        return count

    def _sums(self) -> bytes:
        lines = [f"{file_sum(self._directory / name)}  {name}\n" for name in layout.SUMMED]
        return "".join(lines).encode()


def _indented(value: Mapping[str, Any]) -> bytes:
    return json.dumps(value, indent=2).encode() + b"\n"
