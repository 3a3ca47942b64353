"""Commands that ask about many memories at once: context, related, route, tags, vocabulary, facts."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from memos.interface.cli import show
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
from memos.interface.cli.screen import clean, one_line
from memos.interface.memory import Memory
from memos.kernel.errors import InvalidInput
from memos.operation.reads.context_block import ContextBlock
from memos.operation.reads.graph import Related
from memos.operation.reads.route import Route
from memos.operation.vocabulary import Vocabulary

Budget = Annotated[int, typer.Option("--budget", help="How many tokens it may take.")]


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "context")(context)
    command(app, "related")(related)
    command(app, "route")(route)
    command(app, "tags")(tags)
    command(app, "vocabulary")(vocabulary)
    command(app, "facts")(facts)


def context(
    run: Run,
    query: Annotated[str, typer.Argument(help="Words, in any order.")],
    scope: Where,
    budget: Budget = 1000,
    k: Annotated[int, typer.Option("--limit", "-k", help="How many are considered.")] = 30,
    filter_: FilterOption = None,
    as_of: AsOfOption = None,
) -> None:
    """A block for a prompt: what fits a query best, quoted and cited, within a budget."""
    options = given(filter=json_object(filter_, "--filter"), as_of=as_of)
    with run.open() as memory:
        block = memory.context(query, scope=scope, budget_tokens=budget, k=k, **options)
    run.show(block, lambda console: _show_context(console, block))


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
        found = memory.related(cube_id, k=k, scope=scope)
        texts = {} if run.as_json else _texts(memory, found)
    run.show(found, lambda console: _show_related(console, found, texts))


def route(
    run: Run,
    task: Annotated[str, typer.Argument(help="What is to be done, in words.")],
    scope: Where,
    budget: Budget = 1000,
    k: Annotated[int, typer.Option("--limit", "-k", help="How many are considered.")] = 50,
    filter_: FilterOption = None,
    as_of: AsOfOption = None,
) -> None:
    """Which scopes, concepts and memories serve a task, in which form and order."""
    options = given(filter=json_object(filter_, "--filter"), as_of=as_of)
    with run.open() as memory:
        found = memory.route(task, scope=scope, budget_tokens=budget, k=k, **options)
    run.show(found, lambda console: _show_route(console, found))


def facts(
    run: Run,
    scope: Annotated[str, typer.Argument(help="Where, and in all that lies under it.")],
    limit: Annotated[
        int | None, typer.Option("--limit", help="How many memories are read at most.")
    ] = None,
) -> None:
    """Extract the facts of memories that were not read yet, by the patterns of slots."""
    with run.open() as memory:
        report = memory.extract_facts(scope, limit=limit)

    def draw(console: Console) -> None:
        told = f"{report.read} memories read: {report.added} facts added, {report.present} there"
        show.line(console, f"{told}, {report.archived} archived; {report.left} memories left")

    run.show(report, draw)


def tags(run: Run, scope: Where, as_of: AsOfOption = None) -> None:
    """The tags of a scope, and how many memories carry each."""
    with run.open() as memory:
        counts = memory.tags(scope, as_of=as_of)

    def draw(console: Console) -> None:
        for tag, count in counts.items():
            show.line(console, (f"{count:>7}  ", "cyan"), clean(tag))
        if not counts:
            show.line(console, ("no tags", "italic"))

    run.show(counts, draw)


def vocabulary(
    run: Run,
    scope: Annotated[str, typer.Option(help="Whose, with those of the scopes above it.")],
    tags: Annotated[
        list[str] | None, typer.Option("--tag", help="Set the scope's own tags; may be repeated.")
    ] = None,
    closed: Annotated[bool, typer.Option("--closed", help="Take no other tags.")] = False,
) -> None:
    """The tags that a scope is to use; with --tag, sets its own first."""
    if closed and not tags:
        raise InvalidInput("--closed goes with --tag: name the tags that are to be taken")
    with run.open() as memory:
        if tags:
            memory.set_vocabulary(scope, tags, closed=closed)
        found = memory.vocabulary(scope)
    run.show(found, lambda console: _show_vocabulary(console, found))


def _texts(memory: Memory, found: list[Related]) -> dict[str, str]:
    """Each memory's newest text, read from its history: a list of neighbours is no use of them."""
    texts = {}
    for each in found:
        left = [change.text for change in memory.history(each.cube_id) if change.state is not None]
        texts[each.cube_id] = (left[-1] if left else "") or ""
    return texts


def _show_context(console: Console, block: ContextBlock) -> None:
    if block.text:
        show.body(console, block.text.rstrip("\n"))
    else:
        show.line(console, ("nothing found, or nothing fits", "italic"))
    told = f"{block.tokens} tokens, {len(block.citations)} cited, {len(block.left_out)} left out"
    show.line(console, (told, "dim"))


def _show_related(console: Console, found: list[Related], texts: dict[str, str]) -> None:
    for number, each in enumerate(found, 1):
        text = one_line(texts[each.cube_id], 160)
        show.line(console, f"{number:>2}  ", (f"{each.score:7.4f}  ", "cyan"), text)
        reasons = ", ".join(f"{reason.kind} {reason.detail}" for reason in each.reasons)
        facts = f"{each.cube_id}  v{each.version}  {each.scope}  {reasons}"
        show.line(console, "             ", (clean(facts), "dim"))
    if not found:
        show.line(console, ("nothing found", "italic"))


def _show_route(console: Console, found: Route) -> None:
    for topic in found.topics:
        told = f"{topic.share:.0%} of the task, {topic.memories} memories"
        show.line(console, ("topic    ", "dim"), (topic.scope, "bold"), f"  {told}")
    for concept in found.concepts:
        told = f"{concept.kind}, {concept.memories} memories"
        show.line(console, ("concept  ", "dim"), clean(concept.name), (f"  {told}", "dim"))
    for number, step in enumerate(found.steps, 1):
        told = f"{len(step.cube_ids)} in {step.form}, {step.tokens} tokens"
        show.line(console, (f"step {number:<4}", "cyan"), (step.scope, "bold"), f"  {told}")
        show.line(console, "         ", (clean(step.why), "dim"))
        for cube_id in step.cube_ids:
            show.line(console, "         ", cube_id)
    if not found.topics:
        show.line(console, ("nothing found", "italic"))
        return
    told = f"{found.tokens} tokens, {len(found.facts)} memories, {len(found.left_out)} left out"
    show.line(console, (told, "dim"))


def _show_vocabulary(console: Console, found: Vocabulary) -> None:
    for tag in found.tags:
        show.line(console, clean(tag))
    if found.set_in:
        told = "closed" if found.closed else "open"
        show.line(console, (f"{told}, set in {', '.join(found.set_in)}", "dim"))
    else:
        show.line(console, ("no vocabulary: any tag is taken", "italic"))
