"""How the terminal shows what an import did."""

from __future__ import annotations

from memos import ImportReport
from memos.interface.cli import layout
from memos.interface.cli.terminal import Console, clean

SHOWN = 20
"""Lines of one kind; the others are counted."""


def draw_import(out: Console, imported: ImportReport, scope: str) -> None:
    """The counts, then what asks for attention, a line an item."""
    verb = "would import " if imported.dry_run else "imported "
    is_few = len(imported.scopes) <= SHOWN
    into = ", ".join(imported.scopes) if is_few else f"{len(imported.scopes)} scopes of {scope}"
    layout.line(
        out, (verb, "green"), f"{imported.added} memories ({imported.format}) into {into or scope}"
    )
    if imported.changed:
        moved = f", {imported.moved} of them moved" if imported.moved else ""
        layout.line(out, f"{imported.changed} changed{moved}")
    if imported.unchanged:
        layout.line(out, f"{imported.unchanged} were there already")
    if imported.archived:
        archived = "would be archived" if imported.dry_run else "were archived"
        layout.line(out, f"{imported.archived} are missing and {archived}")
    else:
        _lines(out, "missing ", "yellow", imported.removed)
    if imported.withheld:
        layout.line(
            out,
            ("withheld ", "yellow"),
            f"{imported.withheld} were erased, archived or undone since: --again brings them back",
        )
    _lines(out, "skipped ", "yellow", imported.skipped)
    for line in imported.refused:  # none is hidden
        layout.line(out, ("refused ", "red"), clean(line))
    for what, count in imported.not_kept.items():
        layout.line(out, ("not kept ", "yellow"), f"{count} {clean(what)}")


def _lines(out: Console, title: str, colour: str, told: tuple[str, ...]) -> None:
    for line in told[:SHOWN]:
        layout.line(out, (title, colour), clean(line))
    if len(told) > SHOWN:
        layout.line(out, (title, colour), f"and {len(told) - SHOWN} more: see --json")
