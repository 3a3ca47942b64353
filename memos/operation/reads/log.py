"""The log itself: entry by entry, and waiting until one can be read."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from memos.infrastructure.governance.decision import Action
from memos.infrastructure.vault.port import LogQuery
from memos.kernel.errors import InvalidInput, NotApplied, shorten
from memos.kernel.event import KINDS_BY_TITLE, Position
from memos.kernel.scope import check_scope
from memos.operation.cube import as_datetime
from memos.operation.gate import Passage
from memos.operation.reads.as_of import moment_shown, stretch
from memos.operation.reads.head import is_readable
from memos.operation.reads.history import LogEntry, log_entry
from memos.operation.reads.records import RecordsShown
from memos.operation.receipt import Receipt
from memos.operation.session import Session
from memos.operation.validation import (
    AsOf,
    check_choice,
    check_id,
    check_name,
    check_position,
    check_seconds,
    parse_position,
)

_MINUTE = 60_000_000
_PAUSE = 0.02
"""Seconds between two looks for a record that is waited for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which records of the log are wanted; `Memory.events` tells what each field means.

    `cut` narrows beside `since`, to what came after it.

    Raises:
        InvalidInput: a field does not fit.
    """

    actor: str | None = None
    kind: str | None = None
    scope: str | None = None
    cube_id: str | None = None
    operation: str | None = None
    source: str | None = None
    since: AsOf | None = None
    until: AsOf | None = None
    cut: AsOf | None = None

    def __post_init__(self) -> None:
        if self.kind is not None:
            check_choice(self.kind, KINDS_BY_TITLE, "kind")
        for name in ("actor", "source"):
            value = getattr(self, name)
            if value is not None:
                object.__setattr__(self, name, check_name(value, name))
        if self.scope is not None:
            object.__setattr__(self, "scope", check_scope(self.scope))

    def query(self, session: Session, passage: Passage, scope: str) -> LogQuery | None:
        """As the vault answers it, in a scope (empty: all); None where nothing can match.

        Raises:
            NotFound: there is no such cut.
            InvalidInput: an id, or a moment, is none.
        """
        with session.engine.read() as reader:
            after, upto = stretch(session, passage, reader, (self.since, self.cut), self.until)
        sources: tuple[bytes, ...] = ()
        if self.source is not None:
            sources = session.lookups(b"source", self.source, self.scope)
            if not sources:
                return None
        return LogQuery(
            self.actor or "",
            None if self.kind is None else KINDS_BY_TITLE[self.kind],
            scope,
            b"" if self.cube_id is None else check_id(self.cube_id),
            b"" if self.operation is None else check_id(self.operation, "operation id"),
            sources,
            after,
            upto,
        )


def events(session: Session, records: LogFilter) -> Iterator[LogEntry]:
    """See `Memory.events`."""
    with session.gate.enter("events") as passage:
        # Each record is judged by its cube.
        passage.admit_within(Action.READ, records.scope or "")
        query = records.query(session, passage, records.scope or passage.within)
        return iter(()) if query is None else _entries(session, passage, query)


def _entries(session: Session, passage: Passage, query: LogQuery) -> Iterator[LogEntry]:
    with session.engine.stream() as reader:
        if query.cube_id and not is_readable(passage, reader, query.cube_id):
            return  # as much is done for a cube that may not be read as for none
        records = RecordsShown(passage, reader)
        for attempt in records.of(query):
            session.gate.check_key()
            yield log_entry(reader, attempt, erased=records.is_erased(attempt.cube_id))


def folded_until(session: Session) -> datetime:
    """The time up to which every record is listed by `events`; on servers each partition of the log is
    folded by itself, and one may be behind.
    """
    with session.gate.enter("events") as passage:
        passage.admit()
        now = session.clock()
        with session.engine.read() as reader:
            until = reader.folded_until()
        if until is not None and passage.is_narrowed:
            until -= until % _MINUTE  # of a record that may be another's no more is told
    return as_datetime(now if until is None else min(now, until))


def wait_for(session: Session, token: Receipt | Position | str, seconds: float) -> None:
    """See `Memory.wait_for`."""
    position = token.position if isinstance(token, Receipt) else token
    if isinstance(position, str):
        position = parse_position(position)
    if not isinstance(position, Position):
        raise InvalidInput(f"a token is a receipt or a position such as 0:42, not {shorten(token)}")
    check_position(position)
    seconds = check_seconds(seconds, "seconds")
    with session.gate.enter("wait_for") as passage:
        passage.admit()  # a position tells nothing of what stands there
        left = seconds
        if passage.is_narrowed:
            left = _wait_until_shown(session, passage, position, seconds)
        session.engine.writer.wait_for(position, left)
        if isinstance(token, Receipt):
            _check_own(session, token)


def _check_own(session: Session, receipt: Receipt) -> None:
    """A position may be another vault's, and be here too; an event's id is not."""
    event_id = check_id(receipt.event_id, "receipt.event_id")
    cube_id = check_id(receipt.cube_id, "receipt.cube_id")
    with session.engine.read() as reader:
        attempt = reader.vault.by_event(event_id, cube_id)
    if attempt is None or attempt.position != receipt.position:
        raise NotApplied(
            f"event {receipt.event_id} is not at {receipt.position} in the log of "
            f"{session.engine.name}: the receipt is of another vault"
        )


def _wait_until_shown(
    session: Session, passage: Passage, position: Position, seconds: float
) -> float:
    """Wait for a record that a narrowed caller may read; the seconds that are left.

    Another's record and none look alike: in the time that passes, and in what is said.
    """
    deadline = time.monotonic() + seconds
    while True:
        with session.engine.read() as reader:
            if moment_shown(passage, reader, position) is not None:
                return max(deadline - time.monotonic(), 0.0)
        if time.monotonic() >= deadline:
            raise NotApplied(
                f"after {seconds:g} s no record that you may read is at {position}: the token is of "
                "another vault or tenant, or the workers are behind"
            )
        time.sleep(_PAUSE)
