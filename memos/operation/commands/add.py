"""Making memories: one, several in one durable batch, the turns of a conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.governance.decision import Action
from memos.kernel.errors import InvalidInput, OtherContent
from memos.kernel.lineage import Relation
from memos.kernel.outcome import Result
from memos.operation.commands.draft import NO_SOURCES, Sources, create_cube
from memos.operation.commands.idempotency import (
    KeyedCommand,
    check_distinct,
    identify,
    identify_one,
)
from memos.operation.commands.new_memory import ARGUMENTS, NewMemory
from memos.operation.commands.restriction import require_owner
from memos.operation.commands.sources import source_versions
from memos.operation.commands.tags import check_tags
from memos.operation.commands.turn import Conversation
from memos.operation.gate import Passage
from memos.operation.receipt import (
    Receipt,
    check_not_erased,
    other_content,
    raise_rejection,
    receipt_of,
)
from memos.operation.session import Session
from memos.operation.validation import check_fields, check_list

T = TypeVar("T")


class _Part(NamedTuple):
    """One memory of a command that makes several."""

    memory: NewMemory
    sources: Sources
    command: KeyedCommand | None


def add(session: Session, memory: NewMemory) -> Receipt:
    """See `Memory.add`."""
    with session.gate.enter("add") as passage:
        sources = _checked_sources(session, passage, memory)
        passage.require(Action.CREATE, memory.scope)

        has_key = memory.idempotency_key is not None
        command = memory.keyed(sources.cube_ids) if has_key else None

        def attempt() -> Receipt:
            identity = None if command is None else identify_one(session, command)
            draft = create_cube(session, memory, sources, identity=identity)
            (committed,) = session.engine.writer.commit([draft])
            return receipt_of(session.engine, committed)

        return with_key(command, attempt)


def add_many(
    session: Session, items: Iterable[Mapping[str, Any]], idempotency_key: str | None
) -> list[Receipt]:
    """See `Memory.add_many`."""
    with session.gate.enter("add") as passage:
        items = check_list(items, "items")
        parts: list[_Part] = []
        for number, item in enumerate(items):
            try:
                check_fields(item, ARGUMENTS, "a memory")
                has_own = item.get("idempotency_key") is not None
                key = (
                    {}
                    if has_own or idempotency_key is None
                    else {"idempotency_key": idempotency_key}
                )
                memory = NewMemory.of_item({**item, **key})
                sources = _checked_sources(session, passage, memory)
            except InvalidInput as error:
                raise InvalidInput(f"item {number}: {error}; nothing was written") from None
            command = (
                memory.keyed(sources.cube_ids, place=number)
                if has_own
                else memory.keyed(sources.cube_ids, number=number, of=len(items))
            )
            parts.append(_Part(memory, sources, command))
        passage.admit()  # of no memory nothing is asked
        for scope in dict.fromkeys(part.memory.scope for part in parts):
            passage.require(Action.CREATE, scope)
        return _add_whole(session, parts)


def add_conversation(session: Session, conversation: Conversation) -> list[Receipt]:
    """See `Memory.add_conversation`."""
    start = session.clock()
    with session.gate.enter("add_conversation") as passage:
        passage.require(Action.CREATE, conversation.scope)
        turns = list(conversation.turns)
        parts = []
        for number, turn in enumerate(turns):
            try:
                memory = conversation.memory_of(turn, number, start + number)
                check_tags(session, passage, memory.scope, memory.body.tags.tags)
            except InvalidInput as error:
                raise InvalidInput(f"turn {number}: {error}; nothing was written") from None
            command = memory.keyed(number=number, of=len(turns))
            parts.append(_Part(memory, NO_SOURCES, command))
        return _add_whole(session, parts)


def with_key(key: object, attempt: Callable[[], T]) -> T:
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
    if sources.restricted and memory.owner and memory.owner != session.actor:
        with session.engine.read() as reader:
            require_owner(passage, reader, sources, memory.owner)
    check_tags(session, passage, memory.scope, memory.body.tags.tags)
    return sources


def _add_whole(session: Session, parts: Sequence[_Part]) -> list[Receipt]:
    """Write memories that are one command: all or none."""
    operation_id = session.new_id()
    commands = [part.command for part in parts]
    check_distinct((f"item {number}", command) for number, command in enumerate(commands))

    def attempt() -> list[Receipt]:
        identities = identify(session, commands)
        for number, identity in enumerate(identities):
            if identity is None:
                continue
            identity.check_not_erased(f"item {number}: ")
            if identity.is_other:
                raise other_content(identity.ids.cube_id, f"item {number}: ")
        drafts = [
            create_cube(
                session, part.memory, part.sources, operation_id=operation_id, identity=identity
            )
            for part, identity in zip(parts, identities, strict=True)
        ]
        return _commit_whole(session, drafts)

    return with_key(next(filter(None, commands), None), attempt)


def _commit_whole(session: Session, drafts: Sequence[Draft]) -> list[Receipt]:
    def check(committed: Committed) -> None:
        if committed.outcome.result is Result.REJECTED:
            raise_rejection(committed)
        if committed.outcome.result is Result.DUPLICATE:
            check_not_erased(committed)

    committed = session.engine.writer.commit_whole(drafts, check)
    return [receipt_of(session.engine, one) for one in committed]
