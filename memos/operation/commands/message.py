"""Messages of the chat API given as turns: their content, tool calls and times become a turn's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

from memos.infrastructure.transfer.importers.fields import Reading
from memos.infrastructure.transfer.importers.item import Item
from memos.infrastructure.transfer.importers.messages import TIMES, take_message
from memos.infrastructure.transfer.importers.times import read_time
from memos.infrastructure.transfer.importers.turns import ROLES, ImportedConversation
from memos.kernel.errors import InvalidInput, Refused, shorten
from memos.operation.validation import Time, check_choice

_ONLY_MESSAGES = frozenset(
    {
        *("content", "refusal", "audio", "annotations"),
        *("tool_calls", "tool_call_id", "function_call", "name"),
        *TIMES,
    }
)
"""What a turn has not, and a message of the chat API may have."""
_OF_TURNS = ("speaker", "caption", "tags", "metadata", "at", "annotations")
_PLACED = ("id", "speaker", "role", "session")


class TurnsOf(NamedTuple):
    """The turns that a message gives, and what it has that is not kept: without words, all of it."""

    turns: list[Any]
    not_kept: list[str]


def turns_of(given: Any, zone: tzinfo) -> TurnsOf:
    """A turn as it is; a message as the turns that it gives: its words, then each call of a tool.

    Args:
        given: the turn or message.
        zone: of a message's time that names none.

    Raises:
        InvalidInput: a message does not fit.
    """
    if not isinstance(given, Mapping) or not _ONLY_MESSAGES & given.keys():
        return TurnsOf([given], [])
    if "text" in given and "content" in given:
        raise InvalidInput("a turn has its words in text, a message in content: pass one of them")
    role = check_choice(given.get("role"), sorted(ROLES), "role")
    reading = Reading.begin(zone)
    own = {name: given[name] for name in _OF_TURNS if given.get(name) is not None}
    message = {name: value for name, value in given.items() if name not in _OF_TURNS}
    conversation = ImportedConversation(reading, "")
    try:
        with reading.fields({**message, "role": role}, "a message", "message") as fields:
            take_message(conversation, fields)
    except Refused as error:
        raise InvalidInput(str(error)) from None
    not_kept = list(reading.not_kept)
    unknown = [name for name in not_kept if name.startswith("message.")]
    if unknown:
        raise InvalidInput(f"a message has no {unknown[0].removeprefix('message.')!r}")
    if not (conversation.items or not_kept):
        raise InvalidInput("a message needs words, or a call of a tool: it has neither")
    return TurnsOf([_turn(item, own, not_kept) for item in conversation.items], not_kept)


def _turn(item: Item, own: Mapping[str, Any], not_kept: list[str]) -> dict[str, Any]:
    """A turn as `add_conversation` takes it. `own` is what was given as a turn's; parts without words
    are named in the metadata.
    """
    placed = item.fields["metadata"]
    metadata = {name: value for name, value in placed.items() if name not in _PLACED}
    metadata |= {"not_kept": not_kept} if not_kept else {}
    metadata |= {"annotations": own["annotations"]} if "annotations" in own else {}
    given = {name: value for name, value in own.items() if name != "annotations"}
    turn = {
        "text": item.fields["text"],
        **{name: placed[name] for name in ("id", "speaker", "role") if name in placed},
        **({"at": item.fields["valid_from"]} if "valid_from" in item.fields else {}),
        **given,
    }
    said = given.get("metadata", {})
    return {**turn, "metadata": {**metadata, **said} if isinstance(said, Mapping) else said}


def check_epoch(value: Time | float | None, zone: tzinfo) -> Time | None:
    """A time as it was given, one without a zone in `zone`; seconds or milliseconds since 1970 as ISO
    8601.

    Raises:
        InvalidInput: the number is none.
    """
    if isinstance(value, datetime):
        return value if value.tzinfo else value.replace(tzinfo=zone)
    if value is None or isinstance(value, str):
        return _in_zone(value, zone)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise InvalidInput(f"at must be a time, not {shorten(value)}")
    try:
        return read_time(value, "at")
    except Refused as error:
        raise InvalidInput(str(error)) from None


def _in_zone(text: str | None, zone: tzinfo) -> str | None:
    """A text as it is, for a time without a zone is in UTC; in another zone with that."""
    if text is None or zone is UTC:
        return text
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text  # which is no time, and is told to be none
    return text if moment.tzinfo else moment.replace(tzinfo=zone).isoformat()
