"""Message lists as the OpenAI chat API takes them: a list, or an object with `messages`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from memos.infrastructure.transfer.importers.content import (
    Call,
    Content,
    ToolAnswer,
    answer_text,
    content_of,
    read_call,
    read_content,
)
from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item
from memos.infrastructure.transfer.importers.turns import (
    ROLES,
    ImportedConversation,
    conversation_of,
)

IDS = ("id", "conversation_id", "session_id", "thread_id", "chatId")
TIMES = ("timestamp", "created_at", "createdAt", "created", "create_time", "date")


def read(document: Document, reading: Reading) -> list[Item]:
    """Read a conversation, whose session is named by the file or, where it has one, its own id."""
    conversation = conversation_of(document, reading, *IDS)
    messages = document.entries("messages", called="the conversation")
    take_messages(conversation, document.numbered(messages, "message"), reading)
    return conversation.items


def take_messages(
    conversation: ImportedConversation, messages: Iterator[tuple[str, Any]], reading: Reading
) -> None:
    """Add messages, each with its place, to a conversation."""
    for place, given in messages:
        with reading.gathering(), reading.fields(given, place, "message") as message:
            take_message(conversation, message)


def take_message(conversation: ImportedConversation, message: Fields) -> None:
    """Add one message."""
    role = role_of(message)
    conversation.take(
        message.where,
        role,
        message_content(message, role),
        id=message.text("id", "message_id"),
        name=message.where.rpartition(" ")[2],
        speaker=message.text("name"),
        at=message.time(*TIMES),
    )


def role_of(message: Fields) -> str:
    """Who speaks."""
    return message.needed("role")


def message_content(message: Fields, role: str) -> Content:
    """What a message holds, in its content and in the fields beside it."""
    reading, where = message.reading, message.where
    given = message.take("content", "text")
    if ROLES.get(role) == "tool":
        call_id, name = message.text("tool_call_id"), message.text("tool_name", "name")
        return content_of([ToolAnswer(answer_text(reading, given, where), call_id, name)])
    content = read_content(reading, given, where)
    with message.inner("audio", "sound") as sound:
        said = sound.text("transcript")
    pieces = [*content.pieces, message.text("refusal"), said, *tool_calls(message)]
    return content_of(pieces, content.parts)


def tool_calls(message: Fields) -> list[Call]:
    """The calls in a message's `tool_calls`, and in the `function_call` of older ones."""
    calls = []
    for number, given in enumerate(message.list("tool_calls"), 1):
        with message.reading.fields(given, f"{message.where}, call {number}", "tool call") as call:
            call.take("type", "index")
            calls.append(read_call(call))
    with message.inner("function_call", "tool call") as call:
        if "name" in call:
            calls.append(read_call(call))
    return calls
