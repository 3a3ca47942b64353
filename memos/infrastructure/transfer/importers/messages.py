"""Message lists as the OpenAI chat API writes them: a list, or an object with `messages`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memos.infrastructure.transfer.importers.item import (
    Item,
    Parsed,
    Said,
    listing,
    mapping,
    point_in_time,
    present,
    read_json,
    text_field,
)
from memos.kernel.errors import Refused

_TIMES = ("timestamp", "created_at", "created")
_ROLES = {
    **{role: role for role in ("user", "assistant", "system", "tool")},
    "developer": "system",
    "function": "tool",
}


def parse(path: Path) -> Parsed:
    """Read a conversation. A message without words (a bare tool call) is passed over, aloud."""
    value = read_json(path)
    messages = listing(
        value.get("messages") if isinstance(value, dict) else value, "the conversation"
    )
    items, skipped = [], []
    for number, given in enumerate(messages, 1):
        where = f"message {number}"
        message = mapping(given, where)
        role = text_field(message, "role", where)
        text, kinds = _content(message.get("content"), where)
        if not text:
            skipped.append(f"{where}: it has no text")
            continue
        metadata = present(
            role=role,
            name=message.get("name"),
            message_id=message.get("id"),
            tool_call_id=message.get("tool_call_id"),
            parts=kinds or None,
        )
        fields = _fields(text, metadata, message, where)
        said = Said(
            path.name,
            str(message.get("id") or ""),
            str(message.get("name") or ""),
            _ROLES.get(role, ""),
            at=fields.get("valid_from"),
        )
        items.append(Item(where, str(number), fields, said=said))
    return Parsed(items, skipped)


def _fields(
    text: str, metadata: dict[str, Any], message: Mapping[str, Any], where: str
) -> dict[str, Any]:
    times = (point_in_time(message.get(name), where) for name in _TIMES)
    valid_from = next((time for time in times if time is not None), None)
    return present(text=text, metadata=metadata, valid_from=valid_from)


def _content(content: Any, where: str) -> tuple[str, list[str]]:
    """A message's words, and the kinds of its parts where it has some that are no text."""
    if content is None or isinstance(content, str):
        return content or "", []
    texts, kinds = [], []
    for number, given in enumerate(listing(content, f"{where}: its content"), 1):
        part = mapping(given, f"{where}, part {number}")
        kind = text_field(part, "type", f"{where}, part {number}")
        kinds.append(kind)
        if kind in ("text", "input_text", "output_text"):
            texts.append(text_field(part, "text", f"{where}, part {number}"))
        elif kind == "refusal":
            texts.append(text_field(part, "refusal", f"{where}, part {number}"))
        elif not kind:
            raise Refused(f"{where}, part {number}: its type is empty")
    return "\n".join(texts), kinds if len(texts) < len(kinds) else []
