"""The part of the Memory API that takes in conversations, turn by turn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from memos.infrastructure.governance.decision import Action
from memos.interface.adding import commit_whole, with_key
from memos.kernel.errors import InvalidInput
from memos.kernel.scope import check_scope
from memos.operation import validation as validate
from memos.operation.commands.creation import Addition, check_addition, draft_addition
from memos.operation.commands.turn import placed
from memos.operation.receipt import Receipt
from memos.operation.session import Session
from memos.operation.validation import Time
from memos.wire.body_pb2 import Turn

TURN_FIELDS = frozenset({"id", "speaker", "text", "caption", "role", "at", "metadata", "tags"})
ROLES = frozenset({"user", "assistant", "system", "tool"})
_IN_METADATA = ("id", "speaker", "role", "caption")


class Conversing:
    """Conversations: every turn is a memory that knows its session, speaker and neighbours."""

    _session: Session

    def add_conversation(
        self,
        turns: Iterable[Mapping[str, Any]],
        *,
        scope: str,
        session: str,
        at: Time | None = None,
        source: str | None = None,
        subject: str | None = None,
        tags: Iterable[str] = (),
        idempotency_key: str | None = None,
    ) -> list[Receipt]:
        """Remember the turns of one session of a conversation, in order and all or none.

        Search then knows what stands around a turn: a reply inherits what its question spoke of,
        neighbours lend context, and a speaker's name finds what they said. A session may be taken
        in by several calls; later turns follow earlier ones.

        Args:
            turns: mappings with `text` and, as far as known, `id`, `speaker`, `role` (user,
                assistant, system, tool), `caption` (what a picture shows), `at`, `metadata`,
                `tags`. Id, speaker, role, caption and session come back in the metadata of hits.
            scope: the conversation's.
            session: which session of it.
            at: when the session took place; a turn's own `at` is finer.
            source: where it came from; by default `conversation:<scope>/<session>`, and each
                turn's source is this with the turn's id behind it.
            subject: whom it is about; by default its scope.
            tags: given to every turn.
            idempotency_key: a retry with the same key has one effect and the same receipts.

        Raises:
            InvalidInput: a turn does not fit; the message says which, and nothing was written.
        """
        opened = self._session
        check_scope(scope)
        name = validate.check_name(session, "session")
        origin = source or f"conversation:{scope}/{name}"
        shared = {"scope": scope, "subject": subject, "idempotency_key": idempotency_key}
        start = opened.clock()
        additions: list[Addition] = []
        for number, turn in enumerate(turns):
            try:
                item = _as_item(turn, name, at, f"{origin}/{turn.get('id', number)}", tuple(tags))
                additions.append(
                    check_addition(
                        opened,
                        {**shared, **item},
                        turn=_turn(turn, scope, name, at, start + number),
                    )
                )
            except InvalidInput as error:
                raise InvalidInput(f"turn {number}: {error}; nothing was written") from None
        opened.require(Action.CREATE, scope, operation="add_conversation")
        operation_id = opened.new_id()

        def attempt() -> list[Receipt]:
            drafts = [
                draft_addition(opened, addition, operation_id, number)
                for number, addition in enumerate(additions)
            ]
            return commit_whole(opened, drafts)

        return with_key(idempotency_key, attempt)


def _as_item(
    turn: Mapping[str, Any], session: str, at: Time | None, source: str, tags: tuple[str, ...]
) -> dict[str, Any]:
    """A turn as the arguments of `add`."""
    unknown = turn.keys() - TURN_FIELDS
    if unknown:
        raise InvalidInput(
            f"a turn has no {min(unknown)!r}; it takes {', '.join(sorted(TURN_FIELDS))}"
        )
    role = turn.get("role")
    if role is not None and role not in ROLES:
        raise InvalidInput(f"role {role!r} is not known: choose {', '.join(sorted(ROLES))}")
    told = {name: turn[name] for name in _IN_METADATA if turn.get(name) is not None}
    return {
        "text": turn.get("text"),
        "metadata": {**(turn.get("metadata") or {}), **told, "session": session},
        "tags": (*tags, *(turn.get("tags") or ())),
        "source": source,
        "origin": "conversation",
        "valid_from": turn.get("at") if turn.get("at") is not None else at,
    }


def _turn(turn: Mapping[str, Any], scope: str, session: str, at: Time | None, number: int) -> Turn:
    """What the turn knows of its place."""
    said = turn.get("at") if turn.get("at") is not None else at
    told = {name: turn.get(name) or "" for name in ("speaker", "role", "caption")}
    return placed(scope, session, number, id=str(turn.get("id", "")), at=said, **told)
