"""Conversations: each turn is a memory that knows its session, speaker and neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from memos.kernel.errors import InvalidInput
from memos.kernel.scope import check_scope
from memos.operation.commands.new_memory import NewMemory
from memos.operation.validation import Time, check_name, check_time
from memos.wire.body_pb2 import Turn

TURN_FIELDS = frozenset({"id", "speaker", "text", "caption", "role", "at", "metadata", "tags"})
ROLES = frozenset({"user", "assistant", "system", "tool"})
_IN_METADATA = ("id", "speaker", "role", "caption")


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """One session of a conversation; `Memory.add_conversation` tells what each field means.

    Raises:
        InvalidInput: scope or session do not fit; a turn is checked by `memory_of`.
    """

    turns: Iterable[Mapping[str, Any]]
    scope: str
    session: str
    at: Time | None = None
    source: str | None = None
    subject: str | None = None
    tags: Iterable[str] = ()
    idempotency_key: str | None = None

    def __post_init__(self) -> None:
        check_scope(self.scope)
        check_name(self.session, "session")
        object.__setattr__(self, "tags", tuple(self.tags))

    def memory_of(self, turn: Mapping[str, Any], number: int, order: int) -> NewMemory:
        """A turn as a memory.

        Args:
            turn: the turn, as it was given.
            number: which of this call; it names a turn without an id.
            order: orders the turns of a session, over several calls too.

        Raises:
            InvalidInput: it does not fit.
        """
        unknown = turn.keys() - TURN_FIELDS
        if unknown:
            raise InvalidInput(
                f"a turn has no {min(unknown)!r}; it takes {', '.join(sorted(TURN_FIELDS))}"
            )
        role = turn.get("role")
        if role is not None and role not in ROLES:
            raise InvalidInput(f"role {role!r} is not known: choose {', '.join(sorted(ROLES))}")
        said_at = turn.get("at") if turn.get("at") is not None else self.at
        kept = {name: turn[name] for name in _IN_METADATA if turn.get(name) is not None}
        origin = self.source or f"conversation:{self.scope}/{self.session}"
        item = {
            "scope": self.scope,
            "subject": self.subject,
            "idempotency_key": self.idempotency_key,
            "text": turn.get("text"),
            "metadata": {**(turn.get("metadata") or {}), **kept, "session": self.session},
            "tags": (*self.tags, *(turn.get("tags") or ())),
            "source": f"{origin}/{turn.get('id', number)}",
            "origin": "conversation",
            "valid_from": said_at,
        }
        place = place_turn(
            self.scope,
            self.session,
            order,
            id=str(turn.get("id", "")),
            speaker=turn.get("speaker") or "",
            role=role or "",
            caption=turn.get("caption") or "",
            at=said_at,
        )
        return NewMemory.of_item(item, turn=place)


def place_turn(
    scope: str,
    session: str,
    number: int,
    *,
    id: str = "",  # noqa: A002 - the field's word
    speaker: str = "",
    role: str = "",
    caption: str = "",
    at: Time | None = None,
) -> Turn:
    """Where a turn stands in the conversation of its scope; `number` orders those of a session."""
    turn = Turn(
        conversation=scope,
        session=session,
        number=number,
        speaker=check_name(speaker, "speaker", empty=True),
        role=role,
        id=check_name(id, "id", empty=True),
        caption=check_name(caption, "caption", empty=True),
    )
    if at is not None:
        turn.at = check_time(at, "at")
    return turn
