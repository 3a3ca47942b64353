"""Conversations: each turn is a memory that knows its session, speaker and neighbours."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Any

from memos.infrastructure.transfer.importers.times import zone_of
from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.scope import check_scope
from memos.operation.commands.message import check_epoch
from memos.operation.commands.new_memory import NewMemory
from memos.operation.roles import ROLES
from memos.operation.validation import (
    Time,
    check_choice,
    check_fields,
    check_list,
    check_name,
    check_names,
    check_time,
)
from memos.wire.body_pb2 import Turn

TURN_FIELDS = frozenset(
    {"id", "speaker", "text", "caption", "role", "at", "metadata", "tags", "derived_from"}
)
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
    at: Time | float | None = None
    source: str | None = None
    subject: str | None = None
    tags: Iterable[str] = ()
    idempotency_key: str | None = None
    timezone: str = "UTC"

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "scope", check_scope(self.scope))
        put(self, "session", check_name(self.session, "session"))
        for name in ("source", "subject"):
            if getattr(self, name) is not None:
                put(self, name, check_name(getattr(self, name), name))
        put(self, "at", check_epoch(self.at, self.zone))
        put(self, "turns", check_list(self.turns, "turns"))
        put(self, "tags", check_names(self.tags, "tags"))

    @property
    def zone(self) -> tzinfo:
        """Of times that name none."""
        return zone_of(self.timezone)

    def memory_of(self, turn: Mapping[str, Any], number: int, order: int) -> NewMemory:
        """A turn as a memory.

        Args:
            turn: the turn, as it was given.
            number: which of this call; it names a turn without an id.
            order: orders the turns of a session, over several calls too.

        Raises:
            InvalidInput: it does not fit.
        """
        check_fields(turn, TURN_FIELDS, "a turn")
        role = turn.get("role")
        if role is not None:
            check_choice(role, sorted(ROLES), "role")
        for name in ("speaker", "caption"):
            if turn.get(name) is not None:
                check_name(turn[name], name, empty=True)
        named = _turn_id(turn, number)
        metadata = turn.get("metadata")
        if metadata is not None and not isinstance(metadata, Mapping):
            raise InvalidInput(f"metadata must be a mapping, not {shorten(metadata)}")
        said_at = check_epoch(self.at if turn.get("at") is None else turn["at"], self.zone)
        kept = {name: turn[name] for name in _IN_METADATA if turn.get(name) is not None}
        origin = self.source or f"conversation:{self.scope}/{self.session}"
        item = {
            "scope": self.scope,
            "subject": self.subject,
            "idempotency_key": self.idempotency_key,
            "text": turn.get("text"),
            "metadata": {**(metadata or {}), **kept, "session": self.session},
            "tags": (*self.tags, *check_list(turn.get("tags"), "tags")),
            "source": f"{origin}/{named}",
            "origin": "conversation",
            "valid_from": said_at,
        }
        sources = check_list(turn.get("derived_from"), "derived_from")
        if sources:  # else what was asked is what releases without them were asked
            item["derived_from"] = sources
        place = place_turn(
            self.scope,
            self.session,
            order,
            id=named if "id" in turn else "",
            speaker=turn.get("speaker") or "",
            role=role or "",
            caption=turn.get("caption") or "",
            at=said_at,
        )
        return NewMemory.of_item(item, turn=place)


def _turn_id(turn: Mapping[str, Any], number: int) -> str:
    """What a turn is called: its own id, a text or a number, or else its place in the call."""
    named = turn.get("id", number)
    if isinstance(named, int) and not isinstance(named, bool) and abs(named) < 2**63:
        return str(named)
    return check_name(named, "a turn's id", empty=True)


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
