"""Calls that make memories."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from memos.interface.memory.door import Door
from memos.operation.validation import (
    Time,
)

if TYPE_CHECKING:
    from memos.operation.receipt import Receipt, TurnReceipts


class AddingCalls(Door):
    """Calls that make memories. See `Memory`."""

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
            lifespan: a duration such as `90d`, or a mapping of `set_lifespan`'s arguments; `until`,
                a time, may stand in place of `after`.
            content: bytes, in the place of a text.
            media_type: what `content` is, or a kind of text such as `text/markdown`: what begins with
                `text/` is UTF-8, is searched, and reads as a text.
            derived_from: ids of cubes that this one was made from; their rollback and erase
                reach it. An id may be followed by the version that was read, `ID@VERSION`: else
                the current one is meant, which may have come since.
            idempotency_key: a retry with the same key has one effect and the same receipt.

        Raises:
            InvalidInput: an argument does not fit; nothing was written.
            OtherContent: the key was used with any other argument.
            AlreadyErased: what the key stored was erased since; a fresh key stores it anew.
        """
        from memos.operation.commands.add import add
        from memos.operation.commands.new_memory import NewMemory

        memory = NewMemory(
            text=text,
            scope=scope,
            source=source,
            subject=subject,
            valid_from=valid_from,
            valid_until=valid_until,
            tags=tags,
            metadata=metadata,
            origin=origin,
            semantic_type=semantic_type,
            owner=owner,
            readers=readers,
            writers=writers,
            priority=priority,
            sensitivity=sensitivity,
            purpose=purpose,
            lifespan=lifespan,
            content=content,
            media_type=media_type,
            derived_from=derived_from,
            idempotency_key=idempotency_key,
        )
        return add(self._session, memory)

    def add_many(
        self, items: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> list[Receipt]:
        """Remember several memories in one durable batch: all or none.

        Args:
            items: mappings of `add`'s arguments; all are checked before any is written.
            idempotency_key: one key for the batch: each item is keyed by its number, and the same
                key with more or fewer items is other content. An item's own key comes before it,
                and is the same in any batch, at any place, and in `add`.

        Raises:
            InvalidInput: an item does not fit, or a key stands twice; the message says which.
            OtherContent: a key was used with any other argument.
            AlreadyErased: what a key stored was erased since; nothing of the batch was written.
        """
        from memos.operation.commands.add import add_many

        return add_many(self._session, items, idempotency_key)

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
            text: the merged text; by default their lines, without repeats. What holds no text is
                merged with a text that is passed only.
            scope: of the new memory; by default the deepest one that holds them all.
            source: where the merged text came from.
            tags: of the new memory; by default all theirs.
            metadata: of the new memory.
            idempotency_key: a retry with the same key has one effect and the same receipt.

        Returns:
            A receipt whose `cube_id` is the new memory. It is made of its sources as they are when
            it is written: on the distributed engine a source that changes before its turn refuses,
            and the merged memory is made again of it; what still could not be absorbed keeps all that
            was written to it, and is in `rejected`.

        Raises:
            InvalidInput: an argument does not fit.
            NotFound, Denied, Held, IllegalMove, SourceErased: a source is not there, or refuses, or
                holds no text though none was passed. Nothing was written.
            OtherContent, AlreadyErased: as in `add`.
        """
        from memos.operation.commands.lineage import MergeRequest, merge

        request = MergeRequest(
            cube_ids=cube_ids,
            text=text,
            scope=scope,
            source=source,
            tags=tags,
            metadata=metadata,
            idempotency_key=idempotency_key,
        )
        return merge(self._session, request)

    def add_conversation(
        self,
        turns: Iterable[Mapping[str, Any]],
        *,
        scope: str,
        session: str,
        at: Time | float | None = None,
        source: str | None = None,
        subject: str | None = None,
        tags: Iterable[str] = (),
        idempotency_key: str | None = None,
        timezone: str = "UTC",
    ) -> TurnReceipts:
        """Remember the turns of one session of a conversation, in order and all or none.

        Search then knows what stands around a turn: a reply inherits what its question spoke of,
        neighbours lend context, and a speaker's name finds what they said. A session may be taken
        in by several calls; later turns follow earlier ones.

        Args:
            turns: mappings with `text` and, as far as known, `id`, `speaker`, `role` (user,
                assistant, system, tool), `caption` (what a picture shows), `at`, `metadata`,
                `tags`, `derived_from` (ids of what an answer was made from, as in `add`). Id, speaker,
                role, caption and session come back in the metadata of hits.
                Messages of the OpenAI chat API are taken as they are: `content` as a text or as
                parts, `refusal`, `tool_calls`, `tool_call_id`, `name`, `created_at`. Each call of a
                tool is a turn of its own, behind the words; what has no words, such as a picture,
                is named in the metadata (`not_kept`).
            scope: the conversation's.
            session: which session of it.
            at: when the session took place; a turn's own `at` is finer. Seconds or milliseconds
                since 1970 are taken as well.
            source: where it came from; by default `conversation:<scope>/<session>`, and each
                turn's source is this with the turn's id behind it.
            subject: whom it is about; by default its scope.
            tags: given to every turn.
            idempotency_key: a retry with the same key has one effect and the same receipts.
            timezone: of times that name none, as IANA calls it, such as Europe/Oslo.

        Returns:
            A receipt for each turn that was made, in order; `skipped` names the messages that made
            none, such as a picture alone.

        Raises:
            InvalidInput: a turn does not fit; the message says which, and nothing was written.
        """
        from memos.operation.commands.add import add_conversation
        from memos.operation.commands.turn import Conversation

        conversation = Conversation(
            turns=turns,
            scope=scope,
            session=session,
            at=at,
            source=source,
            subject=subject,
            tags=tags,
            idempotency_key=idempotency_key,
            timezone=timezone,
        )
        return add_conversation(self._session, conversation)
