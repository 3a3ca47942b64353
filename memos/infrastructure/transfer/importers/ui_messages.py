"""Messages of the Vercel AI SDK as a chat page keeps them: UIMessage, with `parts`."""

from __future__ import annotations

from collections.abc import Iterator

from memos.infrastructure.transfer.importers.content import (
    Call,
    Piece,
    ToolAnswer,
    answer_text,
    as_text,
    content_of,
)
from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item
from memos.infrastructure.transfer.importers.messages import IDS, TIMES, role_of
from memos.infrastructure.transfer.importers.turns import ImportedConversation, conversation_of


def read(document: Document, reading: Reading) -> list[Item]:
    """Read messages; the session is named by the chat's id or the file."""
    conversation = conversation_of(document, reading, *IDS)
    messages = document.entries("messages", called="the messages")
    for place, given in document.numbered(messages, "message"):
        with reading.gathering(), reading.fields(given, place, "message") as message:
            _take(conversation, message)
    return conversation.items


def _take(conversation: ImportedConversation, message: Fields) -> None:
    reading, place = message.reading, message.where
    kinds: list[str] = []
    pieces: list[Piece] = []
    is_whole = True
    for number, given in enumerate(message.list("parts"), 1):
        with reading.fields(given, f"{place}, part {number}", "part") as part:
            kind = part.needed("type")
            found = list(_pieces(part, kind))
            if kind == "step-start":
                continue
            kinds.append(kind)
            if not found:
                is_whole = False
                reading.not_kept[f"{kind} part"] += 1
                part.drop()
            pieces += found
    text = message.text("content")  # version 4 has its words here as well
    message.take("toolInvocations", "status")
    content = content_of(pieces or [text], () if is_whole else kinds)
    metadata = message.object("metadata")
    at = message.time(*TIMES) or _time_in(reading, metadata, place)
    conversation.take(
        place, role_of(message), content, id=message.text("id"), at=at, metadata=metadata
    )


def _time_in(reading: Reading, metadata: dict[str, object], place: str) -> str | None:
    """When a message was sent, as applications put it into its metadata."""
    return Fields(reading, metadata, place, "metadata").time(*TIMES)


def _pieces(part: Fields, kind: str) -> Iterator[Piece]:
    if kind == "text":
        part.take("state")
        yield part.text("text")
    elif kind == "tool-invocation":  # version 4
        with part.inner("toolInvocation", "tool part") as inner:
            yield from _tool(inner, inner.text("toolName"))
    elif kind == "dynamic-tool":
        yield from _tool(part, part.text("toolName"))
    elif kind.startswith("tool-"):
        yield from _tool(part, kind.removeprefix("tool-"))


def _tool(part: Fields, name: str) -> Iterator[Piece]:
    call_id = part.text("toolCallId")
    part.take("state", "step", "providerExecuted")
    yield Call(name, as_text(part.take("input", "args", "rawInput")), call_id)
    error = part.text("errorText")
    given = part.take("output", "result")
    if error or given is not None:
        yield ToolAnswer(error or answer_text(part.reading, given, part.where), call_id, name)
