"""The part of the Memory API that makes memories: add, add_many, merge."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState, Lifecycle
from memos.kernel.errors import Held, IllegalMove, InvalidInput, OtherContent
from memos.kernel.event import Kind, id_text
from memos.kernel.fold import Result
from memos.kernel.lifecycle import may_move
from memos.kernel.lineage import Relation
from memos.operation.commands.change import opened, sources_of, writable
from memos.operation.commands.composition import common_scope, merge_texts
from memos.operation.commands.creation import check_addition, draft_addition
from memos.operation.cube import state_title
from memos.operation.receipt import Receipt, raise_rejection, receipt_of
from memos.operation.session import Session
from memos.operation.validation import Time

T = TypeVar("T")


def _check_mergeable(states: Sequence[CubeState]) -> None:
    """Refuse a merge whose sources would refuse it, before the merged memory is there."""
    for state in states:
        cube = id_text(state.cube_id)
        if state.lifecycle is Lifecycle.FROZEN:
            raise Held(f"cube {cube} is frozen: thaw it before merging it", (cube,))
        if not may_move(state.lifecycle, Kind.MERGED):
            raise IllegalMove(
                f"cube {cube} is {state_title(state.lifecycle)}: only memories that are Generated, "
                "Activated or Archived can be merged"
            )


def _is_repeated(session: Session, event_id: bytes, cube_id: bytes) -> bool:
    """Whether an event is a retry: its sources are merged by then, and rightly so."""
    with session.engine.read() as reader:
        return reader.vault.by_event(event_id, cube_id) is not None


def commit_whole(session: Session, drafts: Sequence[Draft]) -> list[Receipt]:
    """Append drafts that are one command."""

    def check(committed: Committed) -> None:
        if committed.outcome.result is Result.REJECTED:
            raise_rejection(committed)

    return [
        receipt_of(session.engine, each)
        for each in session.engine.writer.commit_whole(drafts, check)
    ]


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


class Adding:
    """Commands that make cubes. Each returns a receipt, or raises and changes nothing."""

    _session: Session

    def add(
        self,
        text: str | None = None,
        *,
        scope: str,
        source: str | None = None,
        subject: str | None = None,
        valid_from: Time | None = None,
        valid_until: Time | None = None,
        tags: Iterable[str] = (),
        metadata: Mapping[str, Any] | None = None,
        origin: str | None = None,
        semantic_type: str | None = None,
        owner: str | None = None,
        readers: Iterable[str] = (),
        writers: Iterable[str] = (),
        priority: int = 0,
        sensitivity: str | None = None,
        purpose: str | None = None,
        lifespan: str | Mapping[str, Any] | None = None,
        content: bytes | None = None,
        media_type: str | None = None,
        derived_from: Iterable[str] = (),
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Remember a text (or `content` of another `media_type`) in a scope.

        Args:
            text: the memory.
            scope: where it belongs, for ever; the first segment is the tenant.
            source: where it came from, as a path: `rollback(source=...)` matches its segments.
            subject: whom it is about: erasing the subject erases it. By default its scope.
            valid_from: when it became true in the world.
            valid_until: when it stopped being true.
            tags: short labels, exact.
            metadata: any JSON object.
            origin: how it came to be, such as `user input` or `inference extraction`.
            semantic_type: what it is, such as `fact` or `user preference`.
            owner: who administers it; by default the actor.
            readers: who alone may read it; empty for the whole tenant.
            writers: who alone may change it; empty for the whole tenant.
            priority: a whole number.
            sensitivity: a label.
            purpose: what it may be used for.
            lifespan: a duration such as `90d`, or a mapping of `set_lifespan`'s arguments.
            content: bytes, where it is no text.
            media_type: what `content` is.
            derived_from: ids of cubes that this one was made from; their rollback and erase
                reach it.
            idempotency_key: a retry with the same key has one effect and the same receipt.

        Raises:
            InvalidInput: an argument does not fit; nothing was written.
            OtherContent: the key was used for something else.
        """
        given = {
            name: value
            for name, value in locals().items()
            if name not in ("self", "derived_from") and value is not None
        }
        session = self._session
        sources, subjects = sources_of(session, derived_from, Relation.DERIVED_FROM, scope)
        addition = check_addition(session, given, sources, subjects)
        session.require(Action.CREATE, addition.scope, operation="add")

        def attempt() -> Receipt:
            (committed,) = session.engine.writer.commit([draft_addition(session, addition)])
            return receipt_of(session.engine, committed)

        return with_key(idempotency_key, attempt)

    def add_many(
        self, items: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> list[Receipt]:
        """Remember several memories in one durable batch: all or none.

        Args:
            items: mappings of `add`'s arguments; all are checked before any is written.
            idempotency_key: one key for the batch; each item is keyed by its number.

        Raises:
            InvalidInput: an item does not fit; the message says which.
        """
        session = self._session
        additions = []
        keyed = {} if idempotency_key is None else {"idempotency_key": idempotency_key}
        for number, given in enumerate(items):
            item = {**keyed, **given}
            try:
                sources, subjects = sources_of(
                    session,
                    item.get("derived_from") or (),
                    Relation.DERIVED_FROM,
                    item.get("scope"),
                )
                additions.append(check_addition(session, item, sources, subjects))
            except InvalidInput as error:
                raise InvalidInput(f"item {number}: {error}; nothing was written") from None
        for scope in dict.fromkeys(addition.scope for addition in additions):
            session.require(Action.CREATE, scope, operation="add")
        operation_id = session.new_id()

        def attempt() -> list[Receipt]:
            drafts = [
                draft_addition(session, addition, operation_id, number)
                for number, addition in enumerate(additions)
            ]
            return commit_whole(session, drafts)

        return with_key(next((a.key for a in additions if a.key), None), attempt)

    def merge(
        self,
        cube_ids: Sequence[str],
        text: str | None = None,
        *,
        scope: str | None = None,
        source: str | None = None,
        tags: Iterable[str] | None = None,
        metadata: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Receipt:
        """Absorb several memories into a new one; the sources become Merged.

        Args:
            cube_ids: two or more memories of one tenant.
            text: the merged text; by default their lines, without repeats.
            scope: of the new memory; by default the deepest one that holds them all.
            source: where the merged text came from.
            tags: of the new memory; by default all theirs.
            metadata: of the new memory.
            idempotency_key: a retry with the same key has one effect and the same receipt.

        Returns:
            A receipt whose `cube_id` is the new memory; `rejected` lists sources that refused.
        """
        if len(set(cube_ids)) < 2:
            raise InvalidInput("merge needs two or more different cubes")
        session = self._session
        states = [writable(session, cube_id, "merge") for cube_id in cube_ids]
        scope = scope or common_scope([state.scope for state in states])
        sources, subjects = sources_of(session, cube_ids, Relation.MERGED_INTO, scope)
        with session.engine.read() as reader:
            parts = [opened(reader, state) for state in states]
        merged = text if text is not None else merge_texts(*(part.text for part in parts))
        if tags is None:
            tags = dict.fromkeys(tag for part in parts for tag in part.tag_list)
        item = {
            "text": merged,
            "scope": scope,
            "source": source,
            "tags": tuple(tags),
            "metadata": metadata,
            "idempotency_key": idempotency_key,
        }
        addition = check_addition(session, item, sources, subjects)
        session.require(Action.CREATE, addition.scope, operation="merge")

        def attempt() -> Receipt:
            draft = draft_addition(session, addition)
            if not _is_repeated(session, draft.event.event_id, draft.event.cube_id):
                _check_mergeable(states)
            draft.event.subject_digests[:] = sorted(subjects)
            for state in states:
                draft.event.generated.absorbs.add(cube_id=state.cube_id, scope=state.scope)
            (committed,) = session.engine.writer.commit([draft])
            return receipt_of(session.engine, committed)

        return with_key(idempotency_key, attempt)
