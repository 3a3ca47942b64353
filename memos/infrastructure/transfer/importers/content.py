"""What a message holds, in the parts that chat programs write: words, calls of tools, their answers."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any, NamedTuple

from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import listing
from memos.kernel.errors import Refused
from memos.language.blank import is_blank

_WORDS = frozenset({"text", "input_text", "output_text", "summary_text", "refusal", "string"})
_CALLS = frozenset({"tool_use", "tool_call", "tool-call", "server_tool_use", "mcp_tool_use"})
_ANSWERS = ("tool_result", "tool-result", "tool_return")
_THOUGHTS = frozenset({"thinking", "reasoning", "redacted_thinking", "redacted_reasoning"})


class Call(NamedTuple):
    """A tool is called, with its arguments as they were written or as JSON; `tool_id` is the call's."""

    name: str
    arguments: str
    tool_id: str = ""


class ToolAnswer(NamedTuple):
    """What a tool gave to the call `tool_id`."""

    text: str
    tool_id: str = ""
    name: str = ""


Piece = str | Call | ToolAnswer


class Content(NamedTuple):
    """What a message holds, in order; `parts` names the kinds of all its parts where some are not kept."""

    pieces: tuple[Piece, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def words(self) -> str:
        """Its words alone."""
        return "\n".join(piece for piece in self.pieces if isinstance(piece, str))


def content_of(
    pieces: Iterable[Piece], parts: Iterable[str] = (), *, between: str = "\n"
) -> Content:
    """Pieces in their order: words that follow each other are one, and empty ones none."""
    joined: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, str) and is_blank(piece):
            continue
        if isinstance(piece, str) and joined and isinstance(joined[-1], str):
            joined[-1] = f"{joined[-1]}{between}{piece}"
        else:
            joined.append(piece)
    return Content(tuple(joined), tuple(parts))


def read_content(reading: Reading, value: Any, where: str) -> Content:
    """The content of a message: a text, or a list of parts; what is no text is counted.

    Raises:
        Refused: it is neither.
    """
    if value is None or isinstance(value, str):
        return content_of([value or ""])
    parts = [value] if isinstance(value, dict) else listing(value, f"{where}: its content")
    pieces: list[Piece] = []
    kinds: list[str] = []
    is_whole = True
    for number, given in enumerate(parts, 1):
        kind, piece = _read_part(reading, given, f"{where}, part {number}")
        kinds.append(kind)
        is_whole = is_whole and piece is not None
        pieces += [] if piece is None else [piece]
    return content_of(pieces, () if is_whole else kinds)


def _read_part(reading: Reading, given: Any, where: str) -> tuple[str, Piece | None]:
    """The kind of a part, and what of it is kept."""
    if isinstance(given, str):
        return "text", given
    kind = _kind(reading.fields(given, where, "part"))
    with reading.fields(given, where, f"{kind} part") as part:
        part.take("type")
        if kind in _CALLS:
            return kind, read_call(part)
        if kind.endswith(_ANSWERS):
            return kind, read_answer(part)
        words = _words(part, kind)
        if words is None:
            reading.not_kept[f"{kind} part"] += 1
            part.drop()
        return kind, words


def read_call(part: Fields) -> Call:
    """A call of a tool, whatever its fields are called."""
    function = part.inner("function")
    with function:
        name = part.text("name", "toolName", "tool_name") or function.text("name")
        given = part.take("input", "args", "arguments")
        given = function.take("arguments") if given is None else given
    return Call(name, as_text(given), part.text("call_id", "id", "toolCallId", "tool_call_id"))


def read_answer(part: Fields) -> ToolAnswer:
    """What a tool gave, whatever its fields are called."""
    given = part.take("content", "output", "result", "func_response", "tool_return")
    call_id = part.text("tool_use_id", "call_id", "toolCallId", "tool_call_id", "id")
    return ToolAnswer(
        answer_text(part.reading, given, part.where), call_id, part.text("name", "toolName")
    )


def answer_text(reading: Reading, given: Any, where: str) -> str:
    """What a tool gave, as text: texts as they are, other values as JSON."""
    if isinstance(given, list) and given and all(_is_part(one) for one in given):
        return read_content(reading, given, where).words
    if isinstance(given, dict) and given.keys() == {"type", "value"}:  # as the AI SDK wraps it
        given = given["value"]
    return as_text(given)


def as_text(value: Any) -> str:
    """A text as it is; any other value as JSON, and nothing as nothing."""
    if isinstance(value, str):
        return value
    return "" if value is None else json.dumps(value, ensure_ascii=False)


def _is_part(value: Any) -> bool:
    return isinstance(value, str) or (
        isinstance(value, dict) and isinstance(value.get("type"), str)
    )


def _kind(part: Fields) -> str:
    kind = part.take("type")
    if kind is None and isinstance(part.take("text"), str):
        return "text"
    if not isinstance(kind, str):
        raise Refused(f"{part.where}: its type must be a text")
    return kind


def _words(part: Fields, kind: str) -> str | None:
    """The words of a part; None where it has none that are kept."""
    if kind in _THOUGHTS:
        return None
    if kind == "refusal":
        return part.needed("refusal")
    if kind == "text" and isinstance(part.take("text"), dict):  # a message of a thread
        with part.inner("text") as text:
            return text.needed("value")
    if kind in _WORDS:
        return part.needed("text", "value")
    # What is said in a sound may be written down beside it.
    words = part.take("text", "transcript")
    return words if isinstance(words, str) else None
