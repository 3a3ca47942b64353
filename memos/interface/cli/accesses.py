"""Commands that read the access log: accesses and denials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from memos import AccessEntry, Memory
from memos.interface.cli import layout
from memos.interface.cli.command import Run, command
from memos.interface.cli.options import IS_CUBE_ID, SinceTime, UntilTime
from memos.interface.cli.terminal import Console, clean

Entries = list[AccessEntry]


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    for name, read, help_text in (
        ("accesses", Memory.accesses, "Who read what; for administrators, owners, and of oneself."),
        ("denials", Memory.denials, "What governance refused, and by which rule."),
    ):
        command(app, name)(_reading(read, help_text))


def _reading(read: Callable[..., Entries], help_text: str) -> Callable[..., None]:
    def show(
        run: Run,
        cube_id: Annotated[
            str | None, typer.Option("--cube", help="Of this memory."), IS_CUBE_ID
        ] = None,
        by: Annotated[str | None, typer.Option("--by", help="By this actor.")] = None,
        scope: Annotated[
            str | None, typer.Option("--scope", help="In and under this scope.")
        ] = None,
        since: SinceTime = None,
        until: UntilTime = None,
        limit: Annotated[int, typer.Option("--limit", "-n", help="The last so many.")] = 100,
    ) -> None:
        with run.open() as memory:
            entries = read(
                memory,
                cube_id=cube_id,
                actor=by,
                scope=scope,
                since=since,
                until=until,
                limit=limit,
            )
        run.show(entries, lambda out: _draw(out, entries))

    show.__doc__ = help_text
    return show


def _draw(out: Console, entries: Sequence[AccessEntry]) -> None:
    for entry in entries:
        what = f"{layout.when(entry.time)}  {clean(entry.actor)}  "
        cubes = "  ".join(f"{cube_id}@{version}" for cube_id, version in entry.cubes)
        rule = f"  denied: {clean(entry.rule)}" if entry.rule else ""
        layout.line(
            out,
            what,
            (f"{entry.action:<10} ", "red" if entry.rule else "cyan"),
            f"{entry.scope or '-'}  {cubes}",
            (rule, "red"),
        )
    if not entries:
        layout.line(out, ("none", "italic"))
