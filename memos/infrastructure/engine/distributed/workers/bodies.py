"""Opening the parts of a memory from the records that follow the fold."""

from __future__ import annotations

from memos.infrastructure.index.projection import NO_BODY, OpenedBody, readable_of
from memos.infrastructure.keys.envelope import open_body
from memos.infrastructure.vault.cassandra.stored import Stored
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.kernel.cube import CubeState
from memos.kernel.event import decode
from memos.language.indexed_text import Readable
from memos.wire.body_pb2 import Body


def open_readable(
    vault: CassandraVault, stored: Stored, after: CubeState, cube_key: bytes
) -> Readable:
    """What can be searched of a cube after a record.

    Raises:
        Damaged: a body does not open.
    """

    def open_version(version: int) -> OpenedBody:
        if version == after.version:
            return OpenedBody(open_body(cube_key, stored.event), stored.attempt.log_time)
        record = vault.event(after.cube_id, version)
        if record is None:
            return NO_BODY
        event = decode(record.data)
        body = open_body(cube_key, event) if event.HasField("body") else Body()
        return OpenedBody(body, record.log_time)

    return readable_of(after.parts, open_version)
