"""How memories, hits and receipts look on a terminal. Texts of memories pass through `clean`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.text import Text

from memos.interface.cli.screen import clean, one_line
from memos.kernel.cube import Lifespan
from memos.operation.cube import Forgotten, MemCube
from memos.operation.receipt import Receipt, Rejection
from memos.operation.search.hits import Hit

_SHOWN_APART = frozenset({"text", "payload", "cube_id"})
_UNITS = (("d", 86_400_000_000), ("h", 3_600_000_000), ("min", 60_000_000), ("s", 1_000_000))


def line(console: Console, *parts: str | tuple[str, str]) -> None:
    """Print one line of plain or (text, style) parts, never wrapped."""
    console.print(Text.assemble(*parts), soft_wrap=True)


def when(time: datetime) -> str:
    """A time for people: UTC, to the second."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%SZ")


def duration(microseconds: int) -> str:
    """A duration in the largest unit that fits it whole."""
    for unit, size in _UNITS:
        if microseconds % size == 0:
            return f"{microseconds // size}{unit}"
    return f"{microseconds}us"


def value(found: Any) -> str:
    """A field's value on one line."""
    match found:
        case datetime():
            return when(found)
        case Lifespan():
            return lifespan(found)
        case Mapping():
            return clean(", ".join(f"{name}={each}" for name, each in found.items()))
        case tuple() if type(found) is tuple:
            return clean(", ".join(map(str, found)))
        case _:
            return clean(str(found))


def lifespan(span: Lifespan) -> str:
    """A lifespan in words."""
    told = []
    if span.after:
        told.append(f"{span.then.name.lower()} after {duration(span.after)}")
        if span.renewed_by_access:
            told.append("renewed by access")
    if span.half_life:
        told.append(f"half-life {duration(span.half_life)}")
    return ", ".join(told)


def pairs(console: Console, rows: Iterable[tuple[str, object]]) -> None:
    """Aligned `name  value` lines; empty values are left out."""
    kept = [(name, value(found)) for name, found in rows if found not in ("", None, (), {})]
    width = max((len(name) for name, _ in kept), default=0)
    for name, shown in kept:
        line(console, (f"{name:<{width}}  ", "dim"), shown)


def body(console: Console, text: str) -> None:
    """A memory's text, its own line breaks kept."""
    console.print(Text(clean(text, keep_newlines=True)), soft_wrap=True)


def cube(console: Console, found: MemCube | Forgotten) -> None:
    """A memory: its text, then its header."""
    if isinstance(found, Forgotten):
        forgotten(console, found.cube_id)
        return
    line(console, (found.cube_id, "bold"), f"  version {found.version}")
    if found.payload:
        line(console, (f"{len(found.payload):,} bytes of {clean(found.media_type)}", "italic"))
    else:
        body(console, found.text)
    header = [each.name for each in fields(found) if each.name not in _SHOWN_APART]
    pairs(console, ((name.replace("_", " "), getattr(found, name)) for name in header))


def forgotten(console: Console, cube_id: str) -> None:
    """What an erased memory reads as."""
    line(console, (cube_id, "bold"), ("  forgotten: it was erased for good", "italic"))


def hits(console: Console, found: Iterable[Hit], *, explain: bool) -> None:
    """Search results, best first."""
    number = 0
    for number, hit in enumerate(found, 1):
        line(console, f"{number:>2}  ", (f"{hit.score:7.4f}  ", "cyan"), one_line(hit.text, 160))
        facts = [hit.cube_id, f"v{hit.version}", hit.scope]
        facts += [hit.source] if hit.source else []
        facts += [" ".join(f"#{tag}" for tag in hit.tags)] if hit.tags else []
        line(console, "             ", (clean("  ".join(facts)), "dim"))
        if explain:
            _explanation(console, hit)
    if not number:
        line(console, ("nothing found", "italic"))


def _explanation(console: Console, hit: Hit) -> None:
    """Where a score came from: whatever the ranking tells, term by term."""
    told = dict(hit.explain)
    terms = told.pop("terms", ())
    _explained(console, "score", told)
    for term in terms:
        facts = dict(term)
        _explained(console, str(facts.pop("term", "")), facts)


def _explained(console: Console, name: str, facts: Mapping[str, Any]) -> None:
    told = ", ".join(f"{fact} {_figure(found)}" for fact, found in facts.items())
    line(console, "             ", (clean(f"{name}: {told}"), "dim"))


def _figure(found: Any) -> str:
    match found:
        case float():
            return f"{found:.4g}"
        case Mapping():
            return " ".join(f"{name}={_figure(each)}" for name, each in found.items())
        case _:
            return str(found)


def receipt(console: Console, done: Receipt, what: str) -> None:
    """What a write did."""
    line(
        console,
        (f"{what} ", "green"),
        (done.cube_id, "bold"),
        f"  version {done.version} at {done.position}",
    )
    rejections(console, done.rejected)


def rejections(console: Console, rejected: Iterable[Rejection]) -> None:
    """The cubes that refused, and why."""
    for each in rejected:
        line(console, ("refused ", "red"), f"{each.cube_id}: {each.reason}")
