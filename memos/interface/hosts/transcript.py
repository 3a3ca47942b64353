"""Transcripts of Claude Code: JSON lines, of which what the user and the assistant said is read."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_ROLES = frozenset({"user", "assistant"})
_OF_THE_HOST = ("isMeta", "isSidechain", "isCompactSummary", "isVisibleInTranscriptOnly")
"""Marks of lines that the host wrote: notes, the work of helpers, summaries of what stands above."""
_NOTE = re.compile(
    r"<(system-reminder|command-[a-z]+|local-command-[a-z]+)>.*?(</\1>|\Z)", re.DOTALL
)
"""What the host writes into a user's message."""


@dataclass(frozen=True, slots=True)
class Line:
    """A whole line of a transcript, and where the next begins."""

    turn: Mapping[str, Any] | None
    end: int


def lines_from(path: Path, offset: int) -> Iterator[Line]:
    """The lines of a transcript behind an offset in bytes, each with its turn where it has one. One
    that is still being written is left for the next time; of a file that was cut, all is read.
    """
    with path.open("rb") as file:
        size = file.seek(0, 2)
        file.seek(offset if offset <= size else 0)
        while (line := file.readline()).endswith(b"\n"):
            yield Line(_turn(line), file.tell())


def _turn(line: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(entry, dict):
        return None
    role, message, identity = entry.get("type"), entry.get("message"), entry.get("uuid")
    if not isinstance(role, str) or role not in _ROLES:
        return None
    if any(entry.get(mark) for mark in _OF_THE_HOST) or not isinstance(identity, str):
        return None
    text = _text(message.get("content")) if isinstance(message, dict) else ""
    if not text:
        return None
    turn = {"id": identity, "role": role, "text": text}
    said_at = entry.get("timestamp")
    return {**turn, "at": said_at} if isinstance(said_at, str) else turn


def _text(content: object) -> str:
    """What is said in a message; calls of tools, their results and thoughts are not."""
    if isinstance(content, str):
        return _NOTE.sub("", content).strip()
    if not isinstance(content, list):
        return ""
    parts = [part for part in content if isinstance(part, dict) and part.get("type") == "text"]
    said = [text for part in parts if isinstance(text := part.get("text"), str)]
    return _NOTE.sub("", "\n".join(said)).strip()
