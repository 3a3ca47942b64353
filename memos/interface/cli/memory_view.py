"""How memories, hits and receipts look on a terminal. Texts of memories pass through `clean`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import fields
from typing import Any

from memos import Forgotten, Hit, MemCube, Receipt, Rejection
from memos.interface.cli.layout import body, line, pairs
from memos.interface.cli.terminal import Console, clean, one_line
from memos.operation.search.hits import Hits

_SHOWN_APART = frozenset({"text", "payload", "cube_id"})


def cube(console: Console, memory: MemCube | Forgotten) -> None:
    """A memory: its text, then its header."""
    if isinstance(memory, Forgotten):
        line(
            console,
            (memory.cube_id, "bold"),
            ("  forgotten: it was erased for good", "italic"),
        )
        return
    line(console, (memory.cube_id, "bold"), f"  version {memory.version}")
    if memory.payload:
        line(console, (f"{len(memory.payload):,} bytes of {clean(memory.media_type)}", "italic"))
    else:
        body(console, memory.text)
    names = [field.name for field in fields(memory) if field.name not in _SHOWN_APART]
    pairs(console, ((name.replace("_", " "), getattr(memory, name)) for name in names))


def hits(console: Console, results: Hits, *, explain: bool) -> None:
    """Search results, best first."""
    number = 0
    for phrase in results.explain.get("phrases_not_found", ()):
        line(console, (f'no memory holds "{clean(phrase)}": what else fits is shown', "yellow"))
    not_compared(console, results.explain.get("not_compared", ()))
    for word, meant in results.explain.get("meant", {}).items():
        line(console, (f"{clean(word)}: taken for {clean(' or '.join(meant))}", "yellow"))
    for number, hit in enumerate(results, 1):
        line(console, f"{number:>2}  ", (f"{hit.score:7.4f}  ", "cyan"), one_line(hit.text, 160))
        details = [hit.cube_id, f"v{hit.version}", hit.scope]
        details += [hit.source] if hit.source else []
        details += [" ".join(f"#{tag}" for tag in hit.tags)] if hit.tags else []
        line(console, "             ", (clean("  ".join(details)), "dim"))
        if explain:
            line(console, "             ", (clean("; ".join(hit.why)), "italic"))
            _explanation(console, hit)
    if not number:
        line(console, ("nothing found", "italic"))
    damaged(console, results.explain.get("damaged", {}))


def damaged(console: Console, told: Mapping[str, str]) -> None:
    """The memories that cannot be read, each with the reason."""
    for cube_id, reason in told.items():
        line(console, (cube_id, "bold"), (f"  cannot be read: {clean(reason)}", "red"))


def not_compared(console: Console, told: Iterable[str]) -> None:
    """What a filter passed over, since values of two kinds are not compared."""
    for sentence in told:
        line(console, (f"passed over: {clean(sentence)}", "yellow"))


def _explanation(console: Console, hit: Hit) -> None:
    """Where a score came from: whatever the ranking tells, term by term."""
    explanation = dict(hit.explain)
    terms = explanation.pop("terms", ())
    _figures(console, "score", explanation)
    for term in terms:
        figures = dict(term)
        _figures(console, str(figures.pop("term", "")), figures)


def _figures(console: Console, name: str, figures: Mapping[str, Any]) -> None:
    text = ", ".join(f"{label} {_figure(figure)}" for label, figure in figures.items())
    line(console, "             ", (clean(f"{name}: {text}"), "dim"))


def _figure(figure: Any) -> str:
    match figure:
        case float():
            return f"{figure:.4g}"
        case Mapping():
            return " ".join(f"{label}={_figure(part)}" for label, part in figure.items())
        case _:
            return str(figure)


def receipt(console: Console, written: Receipt, what: str) -> None:
    """What a write did."""
    if not written.event_id:
        line(console, "nothing was changed: ", (written.cube_id, "bold"), " is so already")
        return
    line(
        console,
        (f"{what} ", "green"),
        (written.cube_id, "bold"),
        f"  version {written.version} at {written.position}",
    )
    rejections(console, written.rejected)


def rejections(console: Console, rejected: Iterable[Rejection]) -> None:
    """The cubes that refused, and why."""
    for rejection in rejected:
        line(console, ("refused ", "red"), f"{rejection.cube_id}: {rejection.reason}")
