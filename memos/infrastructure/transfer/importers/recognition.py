"""Which format a file is of: told by its shape alone, in this one place."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.langchain import TYPES
from memos.infrastructure.transfer.importers.memories import bare

_LOOKED_AT = 200
_ITEMS = re.compile(r"function_call|reasoning|item_reference|\w+_call(_output)?|mcp_\w+")
_SESSION = re.compile(r"session_\d+")

Entry = Mapping[str, Any]


def recognise(document: Document) -> str:
    """The format of a document; empty where it is none that is known."""
    top = document.value
    for form, holds, looks in _SHAPES:
        entries = _entries(top, holds)
        if any(looks(entry) for entry in entries):
            return form
    if isinstance(top, dict) and isinstance(top.get("results"), list):
        return "mem0"  # without a memory in it
    return ""


def described(document: Document) -> str:
    """What a document looks like, for whoever has to say which format it is."""
    value = document.value
    entries = (
        [entry for entry in value if isinstance(entry, dict)] if isinstance(value, list) else []
    )
    if isinstance(value, dict):
        return f"a JSON object with {_names([value])}"
    if not isinstance(value, list):
        return f"a JSON {type(value).__name__}"
    called = "JSON lines" if document.lines else "a JSON list"
    if not entries:
        return f"{called} without an object"
    return f"{called} of {len(value):,} values, objects with {_names(entries[:_LOOKED_AT])}"


def _names(entries: Iterable[Entry]) -> str:
    names = list(dict.fromkeys(name for entry in entries for name in entry))
    return ", ".join(names[:8]) + (", ..." if len(names) > 8 else "") if names else "nothing in it"


def _entries(top: Any, holds: tuple[str, ...]) -> list[Entry]:
    """The first objects of the list that a file is or that one of these fields holds; else the file."""
    value = top = bare(top)
    if isinstance(top, dict):
        value = next((top[name] for name in holds if isinstance(top.get(name), list)), [top])
    if not isinstance(value, list):
        return []
    return [entry for entry in map(bare, value[:_LOOKED_AT]) if isinstance(entry, dict)]


def _has(*names: str) -> Callable[[Entry], bool]:
    return lambda entry: all(name in entry for name in names)


def _is_chatgpt(entry: Entry) -> bool:
    return isinstance(entry.get("mapping"), dict)


def _is_locomo(entry: Entry) -> bool:
    conversation = entry.get("conversation")
    return isinstance(conversation, dict) and (
        "sample_id" in entry or any(map(_SESSION.fullmatch, conversation))
    )


def _is_letta(entry: Entry) -> bool:
    return isinstance(entry.get("agents"), list) or "core_memory" in entry


def _is_claude_code(entry: Entry) -> bool:
    return "leafUuid" in entry or (
        "sessionId" in entry and "uuid" in entry and isinstance(entry.get("type"), str)
    )


def _is_thread_message(entry: Entry) -> bool:
    return entry.get("object") == "thread.message"


def _is_store_row(entry: Entry) -> bool:
    return "key" in entry and "value" in entry and ("namespace" in entry or "prefix" in entry)


def _is_mem0(entry: Entry) -> bool:
    return ("memory" in entry and "id" in entry) or isinstance(entry.get("results"), list)


def _is_langchain(entry: Entry) -> bool:
    if entry.get("lc") == 1:
        return str((entry.get("id") or [""])[-1]).endswith(("Message", "MessageChunk"))
    kind = str(entry.get("type", "")).removesuffix("Chunk").removesuffix("Message").lower()
    return kind in TYPES and ("data" in entry or "content" in entry) and "role" not in entry


def _is_gemini(entry: Entry) -> bool:
    if isinstance(entry.get("contents"), list):
        return True
    parts = entry.get("parts")
    return isinstance(parts, list) and not any(_has_type(part) for part in parts)


def _is_ui_message(entry: Entry) -> bool:
    parts = entry.get("parts")
    return "role" in entry and isinstance(parts, list) and any(_has_type(part) for part in parts)


def _has_type(part: object) -> bool:
    return isinstance(part, dict) and isinstance(part.get("type"), str)


def _is_item(entry: Entry) -> bool:
    """An item of the Responses API: one that only it has, or a message whose parts are its own."""
    if "message_data" in entry or entry.get("object") == "response":
        return True
    kind = entry.get("type")
    if isinstance(kind, str) and (
        _ITEMS.fullmatch(kind) or (kind == "message" and "role" in entry)
    ):
        return True
    content = entry.get("content")
    own = ("input_text", "output_text", "input_image", "input_file")
    return isinstance(content, list) and any(
        isinstance(part, dict) and part.get("type") in own for part in content
    )


def _is_example(entry: Entry) -> bool:
    return (
        isinstance(entry.get("messages"), list)
        or isinstance(entry.get("conversations"), list)
        or ("prompt" in entry and "completion" in entry)
        or ("input" in entry and "preferred_output" in entry)
    )


_SHAPES: tuple[tuple[str, tuple[str, ...], Callable[[Entry], bool]], ...] = (
    ("chatgpt", (), _is_chatgpt),
    ("claude", (), _has("chat_messages")),
    ("locomo", (), _is_locomo),
    ("letta", (), _is_letta),
    ("memories", ("memories", "hits"), _has("cube_id", "scope")),
    ("claude-code", (), _is_claude_code),
    ("threads", ("data", "messages"), _is_thread_message),
    ("langgraph", ("items", "rows"), _is_store_row),
    ("mem0", ("results", "memories"), _is_mem0),
    ("langchain", ("messages",), _is_langchain),
    ("gemini", ("contents", "history"), _is_gemini),
    ("ui-messages", ("messages",), _is_ui_message),
    ("responses", ("output", "data", "items"), _is_item),
    ("messages", ("messages",), _has("role")),
    ("fine-tune", (), _is_example),
    ("jsonl", (), _has("text")),
)
"""Each format: the fields that may hold its list, and how one entry of that looks. The first that
fits is meant: what has marks of its own stands before what others have, too.
"""
