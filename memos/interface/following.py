"""The part of the Memory API that reads the log, and waits for what is on it."""

from __future__ import annotations

from collections.abc import Iterator

from memos.infrastructure.vault.port import LogQuery
from memos.kernel.errors import InvalidInput
from memos.kernel.event import KINDS_BY_TITLE, Position
from memos.kernel.scope import check_scope
from memos.operation import validation as validate
from memos.operation.reads.history import LogEntry, log_entry
from memos.operation.reads.look import readable
from memos.operation.reads.moment import AsOf, stretch
from memos.operation.receipt import Receipt
from memos.operation.session import Session


class Following:
    """The log itself: entry by entry, and waiting until one has been folded and indexed."""

    _session: Session

    def wait_for(self, token: Receipt | Position | str, *, seconds: float = 30.0) -> None:
        """Wait until a write of any process can be read here.

        What this vault's own adds return can be read already; a token from elsewhere, or of a vault
        opened with `wait="durable"`, may be ahead of the workers.

        Args:
            token: the write's receipt, or its position (`receipt.position`, or its text, 0:42).
            seconds: how long to wait.

        Raises:
            NotApplied: it cannot be read yet; the message says which worker is behind or dead.
            InvalidInput: it is no token.
        """
        position = token.position if isinstance(token, Receipt) else token
        if isinstance(position, str):
            try:
                position = Position.parse(position)
            except ValueError as error:
                raise InvalidInput(str(error)) from None
        self._session.engine.writer.wait_for(position, seconds)

    def events(
        self,
        *,
        actor: str | None = None,
        kind: str | None = None,
        scope: str | None = None,
        cube_id: str | None = None,
        operation: str | None = None,
        source: str | None = None,
        since: AsOf | None = None,
        until: AsOf | None = None,
    ) -> Iterator[LogEntry]:
        """The log: who attempted what, when, and what became of it, in log order.

        Args:
            actor: by this actor.
            kind: of this kind, such as `Revised`.
            scope: in this scope and all that lies under it.
            cube_id: on this cube.
            operation: of the operation with this id.
            source: whose source is, or lies under, this path.
            since: from this position, cut or time on, inclusive.
            until: before this position, cut or time.
        """
        session = self._session
        if kind is not None and kind not in KINDS_BY_TITLE:
            raise InvalidInput(f"kind={kind!r} is not known: choose {', '.join(KINDS_BY_TITLE)}")
        for name, value in (("actor", actor), ("source", source)):
            if value is not None:
                validate.check_name(value, name)
        with session.engine.read() as reader:
            after, upto = stretch(reader, since, until)
        wanted = LogQuery(
            actor or "",
            None if kind is None else KINDS_BY_TITLE[kind],
            "" if scope is None else check_scope(scope),
            b"" if cube_id is None else validate.check_id(cube_id),
            b"" if operation is None else validate.check_id(operation, "operation id"),
            () if source is None else session.all_lookups(b"source", source, scope),
            after,
            upto,
        )
        if source is not None and not wanted.sources:
            return iter(())
        return self._entries(wanted)

    def _entries(self, wanted: LogQuery) -> Iterator[LogEntry]:
        session = self._session
        allowed: dict[bytes, bool] = {}
        reader = session.engine.stream()
        for attempt in reader.vault.query(wanted):
            cube = attempt.cube_id
            if cube not in allowed:
                allowed[cube] = readable(session, reader, cube)
            if allowed[cube]:
                yield log_entry(attempt)
