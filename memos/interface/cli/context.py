"""Commands that gather memories for a task: context, related, route."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memos.interface.cli import layout, memory_view
from memos.interface.cli.command import Run, command
from memos.interface.cli.options import (
    AsOfOption,
    CubeId,
    EmbedderOption,
    FilterOption,
    ScopeRoots,
    json_object,
)
from memos.interface.cli.terminal import Console, clean, one_line
from memos.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from memos import ContextBlock, Memory, Related, Route, StableContext

Budget = Annotated[int, typer.Option("--budget", help="How many tokens it may take.")]


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "context")(context)
    command(app, "related")(related)
    command(app, "route")(route)


def context(
    run: Run,
    query: Annotated[str, typer.Argument(help="Words, in any order.")],
    scope: ScopeRoots,
    budget: Budget = 1000,
    k: Annotated[int, typer.Option("--limit", "-k", help="How many are considered.")] = 30,
    filter_: FilterOption = None,
    as_of: AsOfOption = None,
    embedder: EmbedderOption = None,
    stable: Annotated[
        bool, typer.Option("--stable", help="Two blocks, of which a prompt cache keeps the first.")
    ] = False,
    state: Annotated[
        str | None, typer.Option(help="The state of the turn before; with --stable.")
    ] = None,
) -> None:
    """A block for a prompt: what fits a query best, quoted and cited, within a budget."""
    if state is not None and not stable:
        raise InvalidInput("--state goes with --stable")
    asked: dict[str, Any] = {
        "scope": scope,
        "budget_tokens": budget,
        "k": k,
        "filter": json_object(filter_, "--filter"),
        "as_of": as_of,
    }
    with run.open(embedder=embedder) as memory:
        if stable:
            turn = memory.context_session(**asked, state=state).turn(query)
            run.show(turn, lambda out: _draw_stable(out, turn))
        else:
            block = memory.context(query, **asked)
            run.show(block, lambda out: _draw_context(out, block))


def _draw_stable(out: Console, turn: StableContext) -> None:
    for title, block in (("pinned", turn.pinned), ("delta", turn.delta)):
        layout.line(out, (title, "bold"))
        _draw_context(out, block)
    for reason in turn.changed:
        layout.line(out, (f"changed: {reason}", "dim"))
    layout.line(out, (f"state: {turn.state}", "dim"))


def _draw_context(out: Console, block: ContextBlock) -> None:
    if block.text:
        layout.body(out, block.text.rstrip("\n"))
        for cite in block.citations:
            layout.line(out, (f"{cite}  {cite.cube_id}  v{cite.version}", "dim"))
    else:
        layout.line(out, ("nothing found, or nothing fits", "italic"))
    memory_view.not_compared(out, block.not_compared)
    counts = f"{block.tokens} tokens, {len(block.citations)} cited, {len(block.left_out)} left out"
    layout.line(out, (counts, "dim"))


def related(
    run: Run,
    cube_id: CubeId,
    k: Annotated[int, typer.Option("--limit", "-k", help="How many at most.")] = 10,
    scope: Annotated[
        str | None, typer.Option(help="Where to look; by default its whole tenant.")
    ] = None,
) -> None:
    """The memories nearest to one in the graph of cubes, and why."""
    with run.open() as memory:
        neighbours = memory.related(cube_id, k=k, scope=scope)
        texts = {} if run.as_json else _newest_texts(memory, neighbours)
    run.show(neighbours, lambda out: _draw_related(out, neighbours, texts))


def _newest_texts(memory: Memory, neighbours: Sequence[Related]) -> dict[str, str]:
    """The newest text of each memory, by its id.

    It is read from the history, because drawing a list of neighbours is no use of them.
    """
    texts = {}
    for neighbour in neighbours:
        history = memory.history(neighbour.cube_id)
        versions = [change.text for change in history if change.state is not None]
        texts[neighbour.cube_id] = (versions[-1] if versions else "") or ""
    return texts


def _draw_related(out: Console, neighbours: Sequence[Related], texts: dict[str, str]) -> None:
    for number, neighbour in enumerate(neighbours, 1):
        text = one_line(texts[neighbour.cube_id], 160)
        layout.line(out, f"{number:>2}  ", (f"{neighbour.score:7.4f}  ", "cyan"), text)
        reasons = ", ".join(f"{reason.kind} {reason.detail}" for reason in neighbour.reasons)
        details = f"{neighbour.cube_id}  v{neighbour.version}  {neighbour.scope}  {reasons}"
        layout.line(out, "             ", (clean(details), "dim"))
    if not neighbours:
        layout.line(out, ("nothing found", "italic"))


def route(
    run: Run,
    task: Annotated[str, typer.Argument(help="What is to be done, in words.")],
    scope: ScopeRoots,
    budget: Budget = 1000,
    k: Annotated[int, typer.Option("--limit", "-k", help="How many are considered.")] = 50,
    filter_: FilterOption = None,
    as_of: AsOfOption = None,
    embedder: EmbedderOption = None,
) -> None:
    """Which scopes, concepts and memories serve a task, in which form and order."""
    condition = json_object(filter_, "--filter")
    with run.open(embedder=embedder) as memory:
        way = memory.route(
            task, scope=scope, budget_tokens=budget, k=k, filter=condition, as_of=as_of
        )
    run.show(way, lambda out: _draw_route(out, way))


def _draw_route(out: Console, way: Route) -> None:
    memory_view.not_compared(out, way.not_compared)
    for topic in way.topics:
        share = f"{topic.share:.0%} of the task, {topic.memories} memories"
        layout.line(out, ("topic    ", "dim"), (topic.scope, "bold"), f"  {share}")
    for concept in way.concepts:
        count = f"{concept.kind}, {concept.memories} memories"
        layout.line(out, ("concept  ", "dim"), clean(concept.name), (f"  {count}", "dim"))
    for number, step in enumerate(way.steps, 1):
        size = f"{len(step.cube_ids)} in {step.form}, {step.tokens} tokens"
        layout.line(out, (f"step {number:<4}", "cyan"), (step.scope, "bold"), f"  {size}")
        layout.line(out, "         ", (clean(step.why), "dim"))
        for cube_id in step.cube_ids:
            layout.line(out, "         ", cube_id)
    if not way.topics:
        layout.line(out, ("nothing found", "italic"))
        return
    counts = f"{way.tokens} tokens, {len(way.facts)} memories, {len(way.left_out)} left out"
    layout.line(out, (counts, "dim"))
