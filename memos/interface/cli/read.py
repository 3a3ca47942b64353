"""Commands that read memories: get, search, history, diff, lineage."""

from __future__ import annotations

from typing import Annotated

import typer

from memos.interface.cli import show, story
from memos.interface.cli.command import (
    AsOfOption,
    CubeId,
    FilterOption,
    Run,
    Where,
    command,
    given,
    json_object,
)
from memos.interface.memory import Memory
from memos.operation.reads.history import Lineage


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "search")(search)
    command(app, "get")(get)
    command(app, "history")(history)
    command(app, "diff")(diff)
    command(app, "lineage")(lineage)


def search(
    run: Run,
    query: Annotated[str, typer.Argument(help="Words, in any order.")],
    scope: Where,
    k: Annotated[int, typer.Option("--limit", "-k", help="How many at most.")] = 10,
    filter_: FilterOption = None,
    as_of: AsOfOption = None,
    states: Annotated[
        list[str] | None, typer.Option("--state", help="Show memories in this state.")
    ] = None,
    facts: Annotated[
        bool, typer.Option("--facts", help="Also find facts that were extracted.")
    ] = False,
    explain: Annotated[bool, typer.Option("--explain", help="What each term gave.")] = False,
) -> None:
    """The memories that fit a query best."""
    options = given(filter=json_object(filter_, "--filter"), as_of=as_of, states=states)
    with run.open() as memory:
        hits = memory.search(query, scope=scope, k=k, facts=facts, **options)
    run.show(hits, lambda console: show.hits(console, hits, explain=explain))


def get(
    run: Run,
    cube_id: CubeId,
    version: Annotated[int | None, typer.Option(help="As it was at this version.")] = None,
    as_of: AsOfOption = None,
    valid_at: Annotated[
        str | None, typer.Option(help="As it was true in the world at this time.")
    ] = None,
    any_state: Annotated[
        bool, typer.Option("--any-state", help="Also when archived, merged or expired.")
    ] = False,
) -> None:
    """One memory."""
    with run.open() as memory:
        cube = memory.get(
            cube_id, version=version, as_of=as_of, valid_at=valid_at, any_state=any_state
        )
    run.show(cube, lambda console: show.cube(console, cube))


def history(run: Run, cube_id: CubeId) -> None:
    """Everything attempted on a memory, and what each version changed."""
    with run.open() as memory:
        changes = memory.history(cube_id)
    run.show(changes, lambda console: story.history(console, changes))


def diff(
    run: Run,
    cube_id: CubeId,
    before: Annotated[int, typer.Argument(help="The earlier version.")],
    after: Annotated[int, typer.Argument(help="The later version.")],
) -> None:
    """What changed between two versions of a memory."""
    with run.open() as memory:
        found = memory.diff(cube_id, before, after)
    run.show(found, lambda console: story.diff(console, found))


def lineage(
    run: Run,
    cube_id: CubeId,
    direction: Annotated[str, typer.Option(help="both, upstream or downstream.")] = "both",
    depth: Annotated[int, typer.Option(help="How many steps.")] = 3,
) -> None:
    """What a memory came from and what came from it, as a tree."""
    with run.open() as memory:
        found = memory.lineage(cube_id, direction=direction, depth=depth)
        texts = {} if run.as_json else _texts(memory, found)
    run.show(found, lambda console: story.lineage(console, found, texts))


def _texts(memory: Memory, found: Lineage) -> dict[str, str]:
    """Each cube's newest text, read from its history: drawing a tree is no use of a memory."""
    texts = {}
    for cube_id in found.depth:
        left = [change for change in memory.history(cube_id) if change.state is not None]
        last = left[-1].text if left else ""
        texts[cube_id] = "(erased)" if last is None else last
    return texts
