"""Making memories: one, several in one durable batch, the turns of a conversation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.governance.decision import Action
from memos.kernel.errors import InvalidInput, OtherContent
from memos.kernel.lineage import Relation
from memos.kernel.outcome import Result
from memos.operation.commands.draft import NO_SOURCES, Sources, create_cube
from memos.operation.commands.idempotency import (
    CONVERSATION,
    Identity,
    KeyedCommand,
    check_distinct,
    identify,
    identify_one,
)
from memos.operation.commands.new_memory import ARGUMENTS, NewMemory
from memos.operation.commands.restriction import require_lifespan_right, require_owner
from memos.operation.commands.sources import source_versions
from memos.operation.commands.tags import check_tags
from memos.operation.gate import Passage
from memos.operation.receipt import (
    Receipt,
    TurnReceipts,
    check_not_erased,
    other_content,
    raise_rejection,
    receipt_of,
)
from memos.operation.session import Session
from memos.operation.validation import check_fields, check_list

if TYPE_CHECKING:
    from memos.operation.commands.turn import Conversation

T = TypeVar("T")


class _Part(NamedTuple):
    """One memory of a command that makes several."""

    memory: NewMemory
    command: KeyedCommand | None


def add(session: Session, memory: NewMemory) -> Receipt:
    """See `Memory.add`."""
    with session.gate.enter("add") as passage:
        passage.require(Action.CREATE, memory.scope)
        command = memory.keyed()

        def attempt() -> Receipt:
            identity = None if command is None else identify_one(session, command)
            sources = _sources(session, passage, memory, identity)
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
            except InvalidInput as error:
                raise _of_item("item", number, error) from None
            command = (
                memory.keyed(place=number)
                if has_own
                else memory.keyed(number=number, of=len(items))
            )
            parts.append(_Part(memory, command))
        passage.admit()  # of no memory nothing is asked
        for scope in dict.fromkeys(part.memory.scope for part in parts):
            passage.require(Action.CREATE, scope)
        return _add_whole(session, passage, parts, "item")


def add_conversation(session: Session, conversation: Conversation) -> TurnReceipts:
    """See `Memory.add_conversation`."""
    from memos.operation.commands.message import turns_of  # which knows every format of messages

    start = session.clock()
    with session.gate.enter("add_conversation") as passage:
        passage.require(Action.CREATE, conversation.scope)
        memories: list[NewMemory] = []
        skipped: list[str] = []
        for number, given in enumerate(conversation.turns):
            try:
                turns, not_kept = turns_of(given, conversation.zone)
                if not turns:
                    skipped.append(
                        f"turn {number}: it has no words, and no {', '.join(not_kept)} is kept"
                    )
                for turn in turns:
                    place = len(memories)
                    memories.append(conversation.memory_of(turn, place, start + place))
            except InvalidInput as error:
                raise _of_item("turn", number, error) from None
        if skipped and not memories:
            raise InvalidInput(f"no turn has words: {'; '.join(skipped)}")
        parts = [
            _Part(memory, memory.keyed(operation=CONVERSATION, number=number, of=len(memories)))
            for number, memory in enumerate(memories)
        ]
        return TurnReceipts(_add_whole(session, passage, parts, "turn"), skipped)


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


def _sources(
    session: Session, passage: Passage, memory: NewMemory, identity: Identity | None
) -> Sources:
    """What a memory is derived from, once that and its tags have been checked. A retry is not checked
    again: it changes nothing, and what it names may have changed since.
    """
    if identity is not None and identity.is_known:
        return NO_SOURCES
    if memory.facts is not None and memory.facts.lifespan is not None:
        require_lifespan_right(passage, memory.scope, memory.owner or session.actor)
    sources = NO_SOURCES
    if memory.cited:
        sources = source_versions(
            session, passage, memory.cited, Relation.DERIVED_FROM, memory.scope
        )
    if sources.restricted and memory.owner and memory.owner != session.actor:
        with session.engine.read() as reader:
            require_owner(passage, reader, sources, memory.owner)
    check_tags(session, passage, memory.scope, memory.body.tags.tags)
    return sources


def _of_item(called: str, number: int, error: InvalidInput) -> InvalidInput:
    return InvalidInput(f"{called} {number}: {error}; nothing was written")


def _add_whole(
    session: Session, passage: Passage, parts: Sequence[_Part], called: str
) -> list[Receipt]:
    """Write memories that are one command: all or none. `called` is what errors call one of them."""
    operation_id = session.new_id()
    commands = [part.command for part in parts]
    check_distinct((f"{called} {number}", command) for number, command in enumerate(commands))

    def draft(number: int, part: _Part, identity: Identity | None) -> Draft:
        try:
            sources = _sources(session, passage, part.memory, identity)
        except InvalidInput as error:
            raise _of_item(called, number, error) from None
        return create_cube(
            session, part.memory, sources, operation_id=operation_id, identity=identity
        )

    def attempt() -> list[Receipt]:
        identities = identify(session, commands)
        for number, identity in enumerate(identities):
            if identity is None:
                continue
            identity.check_not_erased(f"{called} {number}: ")
            if identity.is_other:
                raise other_content(identity.ids.cube_id, f"{called} {number}: ")
        drafts = [
            draft(number, part, identity)
            for number, (part, identity) in enumerate(zip(parts, identities, strict=True))
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
