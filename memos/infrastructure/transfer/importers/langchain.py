"""Lists of LangChain's messages: as `messages_to_dict`, `model_dump` and `dumpd` write them, and the
`messages` of a LangGraph state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memos.infrastructure.transfer.importers.content import content_of
from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item, mapping
from memos.infrastructure.transfer.importers.messages import (
    IDS,
    TIMES,
    message_content,
    tool_calls,
)
from memos.infrastructure.transfer.importers.turns import ImportedConversation, conversation_of
from memos.kernel.errors import Refused

TYPES = {
    "human": "user",
    "ai": "assistant",
    "system": "system",
    "tool": "tool",
    "function": "tool",
    "chat": "",
    "generic": "",
    "remove": "remove",
}


def read(document: Document, reading: Reading) -> list[Item]:
    """Read messages; the session is named by the file, or the thread that the file names."""
    conversation = conversation_of(document, reading, *IDS)
    messages = document.entries("messages", called="the messages")
    for place, given in document.numbered(messages, "message"):
        with reading.gathering():
            kind, data = unwrapped(mapping(given, place), place)
            with reading.fields(data, place, "message") as message:
                _take(conversation, message, kind)
    return conversation.items


def unwrapped(message: Mapping[str, Any], place: str) -> tuple[str, Any]:
    """The type and the fields of a message.

    Raises:
        Refused: it is none.
    """
    if message.get("lc") == 1:
        name = str((message.get("id") or [""])[-1])
        kind, data = (
            name.removesuffix("Chunk").removesuffix("Message").lower(),
            message.get("kwargs"),
        )
    else:
        name = str(message.get("type", ""))
        kind = name.removesuffix("Chunk").removesuffix("Message").lower()
        data = message.get("data", message)
    if kind not in TYPES:
        raise Refused(f"{place}: {name!r} is no type of message: {', '.join(TYPES)}")
    return kind, data


def _take(conversation: ImportedConversation, message: Fields, kind: str) -> None:
    reading, place = message.reading, message.where
    message.take("type")
    role = TYPES[kind]
    if role == "remove":
        reading.not_kept["remove message"] += 1
        message.drop()
        return
    if not role:
        role = message.text("role") or "user"
    is_told = "tool_calls" in message
    content = message_content(message, role)
    with message.inner("additional_kwargs") as extra:
        if is_told:  # the service's own form says it once more
            extra.take("tool_calls", "function_call")
        else:
            content = content_of([*content.pieces, *tool_calls(extra)], content.parts)
    conversation.take(
        place,
        role,
        content,
        id=message.text("id"),
        speaker=message.text("name"),
        at=message.time(*TIMES),
    )
