"""Gemini's `contents`: turns of `parts`, as its API takes them and its SDKs keep a chat's history."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from memos.infrastructure.transfer.importers.content import (
    Call,
    Piece,
    ToolAnswer,
    as_text,
    content_of,
)
from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item
from memos.infrastructure.transfer.importers.messages import TIMES
from memos.infrastructure.transfer.importers.turns import ImportedConversation, digest_of

_INSTRUCTION = ("systemInstruction", "system_instruction")


def read(document: Document, reading: Reading) -> list[Item]:
    """Read a list of contents, or a request that holds them; lines of requests are one each."""
    if not document.lines or not _is_request(document.value[:1]):
        conversation = ImportedConversation(reading, document.name)
        _take_request(conversation, document, reading)
        return conversation.items
    items: list[Item] = []
    for place, given in document.numbered(document.value, "request"):
        with reading.gathering():
            name = digest_of(given)
            conversation = ImportedConversation(reading, name, id=name)
            _take_request(conversation, Document(document.name, given), reading, f"{place}, ")
            items += conversation.items
    return items


def _is_request(values: list[Any]) -> bool:
    return any(isinstance(value, dict) and "contents" in value for value in values)


def _take_request(
    conversation: ImportedConversation, document: Document, reading: Reading, within: str = ""
) -> None:
    if isinstance(document.value, dict):
        with reading.fields(document.value, "the request", "request") as request:
            request.take("contents")
            for name in _INSTRUCTION:
                given = request.take(name)
                if given is not None:
                    given = {"parts": [{"text": given}]} if isinstance(given, str) else given
                    place = f"{within}its system instruction"
                    with reading.fields(given, place, "content") as content:
                        _take(conversation, content, "system")
    contents = document.entries("contents", "history", called="the contents")
    for place, given in document.numbered(contents, "content"):
        with reading.gathering(), reading.fields(given, f"{within}{place}", "content") as content:
            _take(conversation, content)


def _take(conversation: ImportedConversation, content: Fields, role: str = "") -> None:
    reading, place = content.reading, content.where
    said = content.text("role")
    role = role or said or "user"
    pieces: list[Piece] = []
    kinds: list[str] = []
    is_whole = True
    for number, given in enumerate(content.list("parts"), 1):
        with reading.fields(_snake(given), f"{place}, part {number}", "part") as part:
            part.take("thought_signature")
            found = list(_pieces(part))
            kind = next((name for name in _KINDS if name in part), "unnamed")
            kinds.append("thought" if part.take("thought") else kind)
            if not found:
                is_whole = False
                reading.not_kept[f"{kinds[-1]} part"] += 1
                part.drop()
            pieces += found
    body = content_of(pieces, () if is_whole else kinds, between="")
    at = content.time(*TIMES)
    conversation.take(place, role, body, id=content.text("id"), at=at)


_KINDS = (
    *("text", "function_call", "function_response", "executable_code"),
    *("code_execution_result", "inline_data", "file_data"),
)


def _snake(part: Any) -> Any:
    """A part whose names are written with underscores: the API takes them in either way."""
    if isinstance(part, str):
        return {"text": part}
    if not isinstance(part, Mapping):
        return part
    return {
        "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name): value
        for name, value in part.items()
    }


def _pieces(part: Fields) -> Iterator[Piece]:
    if "thought" in part:
        return
    if "text" in part:
        yield part.text("text")
    with part.inner("function_call", "function call") as call:
        if "name" in call:
            yield Call(call.text("name"), as_text(call.take("args")), call.text("id"))
    with part.inner("function_response", "function response") as given:
        if "name" in given:
            yield ToolAnswer(as_text(given.take("response")), given.text("id"), given.text("name"))
    with part.inner("executable_code", "code") as code:
        if "code" in code:
            code.take("language")
            yield Call("code_execution", code.text("code"), code.text("id"))
    with part.inner("code_execution_result", "code result") as result:
        if "outcome" in result:
            output = result.text("output") or result.text("outcome")
            result.take("outcome")
            yield ToolAnswer(output, result.text("id"), "code_execution")
