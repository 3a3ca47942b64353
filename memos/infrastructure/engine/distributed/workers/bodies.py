"""Opening the parts of a memory from the records that follow the fold."""

from __future__ import annotations

from memos.infrastructure.index.projection import Readable, readable
from memos.infrastructure.keys.envelope import open_body
from memos.infrastructure.vault.cassandra.stored import Stored
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.kernel.cube import CubeState
from memos.kernel.event import decode
from memos.wire.body_pb2 import Body


def open_readable(vault: CassandraVault, stored: Stored, after: CubeState, key: bytes) -> Readable:
    """What can be searched of a cube after a record.

    Raises:
        Damaged: a body does not open.
    """
    opened: dict[int, tuple[Body, int]] = {0: (Body(), 0)}
    for version in set(after.parts) - {0}:
        if version == after.version:
            opened[version] = open_body(key, stored.event), stored.attempt.log_time
        else:
            opened[version] = _earlier(vault, after.cube_id, version, key)
    parts = (opened[version][0] for version in after.parts)
    return readable(*parts, learned=opened[after.parts.content][1])


def _earlier(vault: CassandraVault, cube_id: bytes, version: int, key: bytes) -> tuple[Body, int]:
    record = vault.event(cube_id, version)
    if record is None:
        return Body(), 0
    event = decode(record.data)
    return open_body(key, event) if event.HasField("body") else Body(), record.log_time
