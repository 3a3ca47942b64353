"""Making memories: one, several in one durable batch, the turns of a conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.governance.decision import Action
from memos.kernel.errors import InvalidInput, OtherContent
from memos.kernel.fold import Result
from memos.kernel.lineage import Relation
from memos.operation.commands.draft import Sources, create_cube
from memos.operation.commands.new_memory import NewMemory
from memos.operation.commands.sources import source_versions
from memos.operation.commands.tags import check_tags
from memos.operation.commands.turn import Conversation
from memos.operation.gate import Passage
from memos.operation.receipt import Receipt, raise_rejection, receipt_of
from memos.operation.session import Session

T = TypeVar("T")


def add(session: Session, memory: NewMemory) -> Receipt:
    """See `Memory.add`."""
    with session.gate.enter("add") as passage:
        sources = _checked_sources(session, passage, memory)
        passage.require(Action.CREATE, memory.scope)

        def attempt() -> Receipt:
            (committed,) = session.engine.writer.commit([create_cube(session, memory, sources)])
            return receipt_of(session.engine, committed)

        return with_key(memory.idempotency_key, attempt)


def add_many(
    session: Session, items: Iterable[Mapping[str, Any]], idempotency_key: str | None
) -> list[Receipt]:
    """See `Memory.add_many`."""
    keyed = {} if idempotency_key is None else {"idempotency_key": idempotency_key}
    with session.gate.enter("add") as passage:
        memories, sources = [], []
        for number, item in enumerate(items):
            try:
                memory = NewMemory.of_item({**keyed, **item})
                sources.append(_checked_sources(session, passage, memory))
            except InvalidInput as error:
                raise InvalidInput(f"item {number}: {error}; nothing was written") from None
            memories.append(memory)
        passage.admit()  # of no memory nothing is asked
        for scope in dict.fromkeys(memory.scope for memory in memories):
            passage.require(Action.CREATE, scope)
        return _add_whole(session, memories, sources)


def add_conversation(session: Session, conversation: Conversation) -> list[Receipt]:
    """See `Memory.add_conversation`."""
    start = session.clock()
    with session.gate.enter("add_conversation") as passage:
        passage.require(Action.CREATE, conversation.scope)
        memories = []
        for number, turn in enumerate(conversation.turns):
            try:
                memory = conversation.memory_of(turn, number, start + number)
                check_tags(session, passage, memory.scope, memory.body.tags.tags)
            except InvalidInput as error:
                raise InvalidInput(f"turn {number}: {error}; nothing was written") from None
            memories.append(memory)
        return _add_whole(session, memories)


def with_key(key: str | None, attempt: Callable[[], T]) -> T:
    """Run a keyed attempt again where the first one under its key was being written meanwhile:
    only now is the key of its cube there to compare by.
    """
    try:
        return attempt()
    except OtherContent:
        if key is None:
            raise
        return attempt()


def _checked_sources(session: Session, passage: Passage, memory: NewMemory) -> Sources:
    """What a memory is derived from, once that and its tags have been checked."""
    sources = source_versions(
        session, passage, memory.derived_from or (), Relation.DERIVED_FROM, memory.scope
    )
    check_tags(session, passage, memory.scope, memory.body.tags.tags)
    return sources


def _add_whole(
    session: Session,
    memories: Sequence[NewMemory],
    sources: Sequence[Sources] = (),
) -> list[Receipt]:
    """Write memories that are one command: all or none."""
    operation_id = session.new_id()
    of_each = sources or [Sources()] * len(memories)

    def attempt() -> list[Receipt]:
        drafts = [
            create_cube(session, memory, origin, operation_id=operation_id, number=number)
            for number, (memory, origin) in enumerate(zip(memories, of_each, strict=True))
        ]
        return _commit_whole(session, drafts)

    return with_key(next((m.idempotency_key for m in memories if m.idempotency_key), None), attempt)


def _commit_whole(session: Session, drafts: Sequence[Draft]) -> list[Receipt]:
    def check(committed: Committed) -> None:
        if committed.outcome.result is Result.REJECTED:
            raise_rejection(committed)

    committed = session.engine.writer.commit_whole(drafts, check)
    return [receipt_of(session.engine, one) for one in committed]
