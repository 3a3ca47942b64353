"""Commands that show what is there: list, count, scopes, subjects."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Annotated

import typer

from memos import MemCube, Page
from memos.interface.cli import layout, memory_view
from memos.interface.cli.command import Run, command
from memos.interface.cli.options import (
    AnyScopes,
    AsOfOption,
    FactsOption,
    FilterOption,
    StateOption,
    json_object,
)
from memos.interface.cli.terminal import Console, clean, one_line

TEXT_WIDTH = 120


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "list")(list_memories)
    command(app, "count")(count)
    command(app, "scopes")(scopes)
    command(app, "subjects")(subjects)


def list_memories(
    run: Run,
    scope: AnyScopes = None,
    filter_: FilterOption = None,
    state: StateOption = None,
    order: Annotated[str, typer.Option(help="newest, oldest or changed.")] = "newest",
    limit: Annotated[int, typer.Option("--limit", "-n", help="How many at most.")] = 100,
    cursor: Annotated[
        str | None, typer.Option(help="That of the page before; all else as for it.")
    ] = None,
    as_of: AsOfOption = None,
    facts: FactsOption = False,
) -> None:
    """The memories that are there, a line each, page by page."""
    condition = json_object(filter_, "--filter")
    with run.open() as memory:
        page = memory.list(
            scope=scope or None,
            filter=condition,
            state=state or None,
            order=order,
            limit=limit,
            cursor=cursor,
            as_of=as_of,
            facts=facts,
        )
    result = {
        "memories": page,
        "cursor": page.cursor,
        "damaged": page.damaged,
        "not_compared": page.not_compared,
    }
    run.show(result, lambda out: _draw_page(out, page))


def _draw_page(out: Console, page: Page) -> None:
    for memory in page:
        _draw_line(out, memory)
    memory_view.damaged(out, page.damaged)
    memory_view.not_compared(out, page.not_compared)
    if page.cursor is not None:
        sys.stderr.write(f"there is more: --cursor {page.cursor}\n")


def _draw_line(out: Console, memory: MemCube) -> None:
    held = one_line(memory.text, TEXT_WIDTH)
    if memory.payload:
        held = f"({len(memory.payload):,} bytes of {clean(memory.media_type)})"
    about = f"  {layout.when(memory.created)}  {memory.state:<9}  {memory.scope}  "
    layout.line(out, (memory.cube_id, "bold"), (about, "dim"), held)


def count(
    run: Run,
    scope: AnyScopes = None,
    filter_: FilterOption = None,
    state: StateOption = None,
    as_of: AsOfOption = None,
    facts: FactsOption = False,
) -> None:
    """How many memories there are."""
    condition = json_object(filter_, "--filter")
    with run.open() as memory:
        number = memory.count(
            scope=scope or None, filter=condition, state=state or None, as_of=as_of, facts=facts
        )

    def draw(out: Console) -> None:
        layout.line(out, str(number))
        memory_view.not_compared(out, number.not_compared)

    run.show({"count": int(number), "not_compared": number.not_compared}, draw)


def scopes(
    run: Run,
    prefix: Annotated[
        str | None, typer.Argument(help="This scope and all that lies under it; by default all.")
    ] = None,
    as_of: AsOfOption = None,
) -> None:
    """The scopes that hold memories, and how many each."""
    with run.open() as memory:
        counts = memory.scopes(prefix, as_of=as_of)
    run.show(counts, lambda out: _draw_counts(out, counts))


def subjects(run: Run, scope: AnyScopes = None, as_of: AsOfOption = None) -> None:
    """Whom the memories are about, and how many each: the commonest first."""
    with run.open() as memory:
        counts = memory.subjects(scope or None, as_of=as_of)

    def draw(out: Console) -> None:
        _draw_counts(out, counts)
        if counts.unnamed:
            layout.line(out, (f"and {counts.unnamed} memories of which nothing tells it", "italic"))

    run.show({"subjects": counts, "unnamed": counts.unnamed}, draw)


def _draw_counts(out: Console, counts: Mapping[str, int]) -> None:
    for name, number in counts.items():
        layout.line(out, (f"{number:>7}  ", "cyan"), clean(name))
