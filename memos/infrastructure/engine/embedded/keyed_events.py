"""Accepted events that may repeat, looked up in the log of an embedded vault."""

from __future__ import annotations

import apsw

from memos.infrastructure.log.sqlite import read_record
from memos.infrastructure.vault.sqlite.reader import SqliteVault
from memos.kernel.cube import KeyedEvent
from memos.kernel.errors import Damaged
from memos.kernel.event import Undecodable, decode
from memos.kernel.keyed_fold import keyed_event
from memos.wire.event_pb2 import Event


def accepted_before(connection: apsw.Connection, event: Event) -> KeyedEvent | None:
    """The event of the same id that its cube accepted, of those that are folded."""
    vault = SqliteVault(connection)
    for attempt in vault.accepted(event.event_id, event.cube_id):
        record = read_record(connection, attempt.position.offset)
        try:
            before = None if record is None else keyed_event(decode(record.data), attempt.outcome)
        except Undecodable as error:
            raise Damaged(
                f"the record at {attempt.position} is damaged ({error}): run `memos verify`"
            ) from None
        if before is not None:
            return before
    return None
