"""Commands that read memories: get, search, history, diff, lineage."""

from __future__ import annotations

from typing import Annotated

import typer

from memos import Lineage, Memory
from memos.interface.cli import history_view, memory_view
from memos.interface.cli.command import Run, command
from memos.interface.cli.options import (
    AsOfOption,
    CubeId,
    FilterOption,
    ScopeRoot,
    json_object,
)


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
    scope: ScopeRoot,
    k: Annotated[int, typer.Option("--limit", "-k", help="How many at most.")] = 10,
    filter_: FilterOption = None,
    as_of: AsOfOption = None,
    states: Annotated[
        list[str] | None, typer.Option("--state", help="Show memories in this state.")
    ] = None,
    facts: Annotated[
        bool, typer.Option("--facts", help="Also find facts that were extracted.")
    ] = False,
    min_score: Annotated[
        float, typer.Option("--min-score", help="Leave out what is less likely than this to fit.")
    ] = 0.0,
    explain: Annotated[bool, typer.Option("--explain", help="What each term gave.")] = False,
) -> None:
    """The memories that fit a query best."""
    condition = json_object(filter_, "--filter")
    with run.open() as memory:
        hits = memory.search(
            query,
            scope=scope,
            k=k,
            facts=facts,
            filter=condition,
            as_of=as_of,
            states=states,
            min_score=min_score,
        )
    run.show(hits, lambda out: memory_view.hits(out, hits, explain=explain))


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
    run.show(cube, lambda out: memory_view.cube(out, cube))


def history(run: Run, cube_id: CubeId) -> None:
    """Everything attempted on a memory, and what each version changed."""
    with run.open() as memory:
        changes = memory.history(cube_id)
    run.show(changes, lambda out: history_view.history(out, changes))


def diff(
    run: Run,
    cube_id: CubeId,
    before: Annotated[int, typer.Argument(help="The earlier version.")],
    after: Annotated[int, typer.Argument(help="The later version.")],
) -> None:
    """What changed between two versions of a memory."""
    with run.open() as memory:
        difference = memory.diff(cube_id, before, after)
    run.show(difference, lambda out: history_view.diff(out, difference))


def lineage(
    run: Run,
    cube_id: CubeId,
    direction: Annotated[str, typer.Option(help="both, upstream or downstream.")] = "both",
    depth: Annotated[int, typer.Option(help="How many steps.")] = 3,
) -> None:
    """What a memory came from and what came from it, as a tree."""
    with run.open() as memory:
        graph = memory.lineage(cube_id, direction=direction, depth=depth)
        texts = {} if run.as_json else _newest_texts(memory, graph)
    run.show(graph, lambda out: history_view.lineage(out, graph, texts))


def _newest_texts(memory: Memory, graph: Lineage) -> dict[str, str]:
    """The newest text of each cube of a lineage, by its id.

    It is read from the history, because drawing a tree is no use of a memory.
    """
    texts = {}
    for cube_id in graph.depth:
        changes = [change for change in memory.history(cube_id) if change.state is not None]
        newest = changes[-1].text if changes else ""
        texts[cube_id] = "(erased)" if newest is None else newest
    return texts
