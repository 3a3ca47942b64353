"""The log itself: entry by entry, and waiting until one can be read."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from memos.infrastructure.vault.port import LogQuery
from memos.kernel.errors import InvalidInput
from memos.kernel.event import KINDS_BY_TITLE, Position
from memos.kernel.scope import check_scope
from memos.operation.gate import Passage
from memos.operation.reads.as_of import AsOf, stretch
from memos.operation.reads.head import is_readable
from memos.operation.reads.history import LogEntry, log_entry
from memos.operation.receipt import Receipt
from memos.operation.session import Session
from memos.operation.validation import check_id, check_name


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFilter:
    """Which records of the log are wanted; `Memory.events` tells what each field means.

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

    def __post_init__(self) -> None:
        if self.kind is not None and self.kind not in KINDS_BY_TITLE:
            raise InvalidInput(
                f"kind={self.kind!r} is not known: choose {', '.join(KINDS_BY_TITLE)}"
            )
        for name in ("actor", "source"):
            value = getattr(self, name)
            if value is not None:
                check_name(value, name)
        if self.scope is not None:
            check_scope(self.scope)

    def query(self, session: Session, scope: str) -> LogQuery | None:
        """As the vault answers it, in a scope (empty: all); None where nothing can match.

        Raises:
            NotFound: there is no such cut.
            InvalidInput: an id, or a moment, is none.
        """
        with session.engine.read() as reader:
            after, upto = stretch(reader, self.since, self.until)
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
        passage.admit()  # each record is judged by its cube
        query = records.query(session, records.scope or "")
        return iter(()) if query is None else _entries(session, passage, query)


def _entries(session: Session, passage: Passage, query: LogQuery) -> Iterator[LogEntry]:
    readable: dict[bytes, bool] = {}
    reader = session.engine.stream()
    for attempt in reader.vault.query(query):
        cube = attempt.cube_id
        if cube not in readable:
            readable[cube] = is_readable(passage, reader, cube)
        if readable[cube]:
            yield log_entry(attempt)


def wait_for(session: Session, token: Receipt | Position | str, seconds: float) -> None:
    """See `Memory.wait_for`."""
    position = token.position if isinstance(token, Receipt) else token
    if isinstance(position, str):
        try:
            position = Position.parse(position)
        except ValueError as error:
            raise InvalidInput(str(error)) from None
    with session.gate.enter("wait_for") as passage:
        passage.admit()  # a position tells nothing of what stands there
        session.engine.writer.wait_for(position, seconds)
