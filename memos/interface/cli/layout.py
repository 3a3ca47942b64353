"""How a line, a value and a table of pairs look on a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from memos import Lifespan
from memos.interface.cli.terminal import Console, clean

_UNITS = (("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000))


def line(console: Console, *parts: str | tuple[str, str]) -> None:
    """Print one line of plain or (text, style) parts, never wrapped."""
    console.line(*parts)


def body(console: Console, text: str) -> None:
    """Print a memory's text, its own line breaks kept."""
    console.line(clean(text, keep_newlines=True))


def pairs(console: Console, rows: Iterable[tuple[str, object]]) -> None:
    """Print aligned `name  value` lines; empty values are left out."""
    filled = [(name, value(content)) for name, content in rows if content not in ("", None, (), {})]
    width = max((len(name) for name, _ in filled), default=0)
    for name, shown in filled:
        line(console, (f"{name:<{width}}  ", "dim"), shown)


def value(content: Any) -> str:
    """A field's value on one line."""
    match content:
        case datetime():
            return when(content)
        case Lifespan():
            return lifespan(content)
        case Mapping():
            return clean(", ".join(f"{name}={item}" for name, item in content.items()))
        case tuple() if type(content) is tuple:
            return clean(", ".join(map(str, content)))
        case _:
            return clean(str(content))


def when(time: datetime) -> str:
    """A time for people: UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def duration(microseconds: int) -> str:
    """A duration in the largest unit that fits it whole."""
    for unit, size in _UNITS:
        if microseconds % size == 0:
            return f"{microseconds // size}{unit}"
    return f"{microseconds}us"


def lifespan(span: Lifespan) -> str:
    """A lifespan in words."""
    words = []
    if span.after:
        words.append(f"{span.then.name.lower()} after {duration(span.after)}")
        if span.renewed_by_access:
            words.append("renewed by access")
    if span.half_life:
        words.append(f"half-life {duration(span.half_life)}")
    return ", ".join(words)
