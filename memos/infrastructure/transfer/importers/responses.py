"""Items of OpenAI's Responses API, as its responses, conversations and the sessions of its Agents SDK
hold them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from memos.infrastructure.transfer.importers.content import (
    Call,
    ToolAnswer,
    answer_text,
    as_text,
    content_of,
    read_content,
)
from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item, parse_json
from memos.infrastructure.transfer.importers.messages import TIMES, role_of
from memos.infrastructure.transfer.importers.turns import ImportedConversation

_ARGUMENTS = ("arguments", "input", "action", "queries", "code", "operation")
_OUTPUTS = ("output", "outputs", "results", "result")


def read(document: Document, reading: Reading) -> list[Item]:
    """Read items: a list, a response, a page of a conversation's items, or an Agents SDK's rows."""
    own, at = "", None
    if isinstance(document.value, dict):
        with reading.fields(document.value, "the file", "response") as top:
            own = top.text("conversation_id", "session_id")
            at = top.time("created_at")
            top.take("output", "data", "items", "object", "id", "first_id", "last_id")
            if top.take("has_more"):
                reading.partial.append("the file: it says that more items follow on another page")
    entries = document.entries("output", "data", "items", called="the items")
    conversations: dict[str, ImportedConversation] = {}
    for place, given in document.numbered(entries, "item"):
        with reading.gathering():
            session, item, when = _unwrapped(reading, given, place)
            session = session or own
            if session not in conversations:
                conversations[session] = ImportedConversation(
                    reading, session or document.name, id=session, at=at
                )
            with reading.fields(item, place, "item") as fields:
                _take(conversations[session], fields, when)
    return [item for conversation in conversations.values() for item in conversation.items]


def _unwrapped(reading: Reading, given: Any, place: str) -> tuple[str, Any, str | None]:
    """The session, the item and the time of an entry: the Agents SDK keeps items as JSON in rows."""
    if not (isinstance(given, dict) and "message_data" in given):
        return "", given, None
    with reading.fields(given, place, "row") as row:
        row.take("id")
        session, when = row.needed("session_id"), row.time("created_at")
        data = row.take("message_data")
    return session, parse_json(data, place) if isinstance(data, str) else data, when


def _take(conversation: ImportedConversation, item: Fields, when: str | None) -> None:
    place, reading = item.where, item.reading
    kind = item.text("type") or "message"
    own, at = item.text("id"), item.time(*TIMES) or when
    item.take("status")
    role, speaker = "assistant", ""
    if kind == "message":
        role, speaker = role_of(item), item.text("name")
        content = read_content(reading, item.take("content"), place)
    elif kind.endswith(("_output", "_response")):
        content = content_of([_answer(item)])
    elif kind.endswith("_call"):
        content = content_of(_call(item, kind))
    else:  # reasoning, lists of tools, references to items elsewhere
        reading.not_kept[f"{kind} item"] += 1
        item.drop()
        return
    conversation.take(place, role, content, id=own, speaker=speaker, at=at)


def _answer(item: Fields, name: str = "") -> ToolAnswer:
    output = answer_text(item.reading, item.take(*_OUTPUTS), item.where)
    return ToolAnswer(output, item.text("call_id", "approval_request_id"), name)


def _call(item: Fields, kind: str) -> Iterator[Call | ToolAnswer]:
    """A call, and what the tool gave where the service itself has run it."""
    name = item.text("name") or kind.removesuffix("_call")
    yield Call(name, as_text(item.take(*_ARGUMENTS)), item.text("call_id"))
    if kind == "image_generation_call":  # its result is a picture
        item.reading.not_kept["image_generation_call.result"] += 1
        item.take("result")
    elif any(output in item for output in _OUTPUTS):
        yield _answer(item, name)
