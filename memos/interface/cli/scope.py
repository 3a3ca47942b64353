"""Commands on a scope as a whole: tags, vocabulary, labels of sensitivity, facts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from memos.interface.cli import layout
from memos.interface.cli.command import Run, command
from memos.interface.cli.options import AsOfOption, ScopeRoot
from memos.interface.cli.terminal import Console, clean
from memos.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from memos import Vocabulary


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "tags")(tags)
    command(app, "vocabulary")(vocabulary)
    command(app, "sensitivities")(sensitivities)
    command(app, "keep-queries")(keep_queries)
    command(app, "queries")(queries)
    command(app, "facts")(facts)


def tags(run: Run, scope: ScopeRoot, as_of: AsOfOption = None) -> None:
    """The tags of a scope, and how many memories carry each."""
    with run.open() as memory:
        counts = memory.tags(scope, as_of=as_of)

    def draw(out: Console) -> None:
        for tag, count in counts.items():
            layout.line(out, (f"{count:>7}  ", "cyan"), clean(tag))
        if not counts:
            layout.line(out, ("no tags", "italic"))

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
        words = memory.vocabulary(scope)
    run.show(words, lambda out: _draw_vocabulary(out, words))


def _draw_vocabulary(out: Console, words: Vocabulary) -> None:
    for tag in words.tags:
        layout.line(out, clean(tag))
    if words.set_in:
        openness = "closed" if words.closed else "open"
        layout.line(out, (f"{openness}, set in {', '.join(words.set_in)}", "dim"))
    else:
        layout.line(out, ("no vocabulary: any tag is taken", "italic"))


def sensitivities(
    run: Run,
    tenant: Annotated[str, typer.Argument(help="The first segment of its scopes.")],
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", help="Set the labels, lowest first; may be repeated."),
    ] = None,
) -> None:
    """The labels of sensitivity of a tenant, lowest first; with --label, sets them first."""
    with run.open() as memory:
        if labels:
            memory.set_sensitivities(tenant, labels)
        ordered = memory.sensitivities(tenant)

    def draw(out: Console) -> None:
        for label in ordered:
            layout.line(out, clean(label))
        if not ordered:
            layout.line(out, ("no labels are ordered", "italic"))

    run.show([{"label": label} for label in ordered], draw)


def keep_queries(
    run: Run,
    lifetime: Annotated[
        str | None, typer.Option("--for", help="For how long, 30 days at most.")
    ] = None,
    none: Annotated[bool, typer.Option("--none", help="Keep none, and forget all.")] = False,
) -> None:
    """Keep the texts of queries for a while; by default a vault keeps none."""
    if none == (lifetime is not None):
        raise InvalidInput("say for how long with --for, such as --for 30d, or --none; one of them")
    with run.open() as memory:
        memory.keep_queries(lifetime)
    told = "no texts of queries are kept" if none else f"texts of queries are kept for {lifetime}"
    run.show({"lifetime": lifetime}, lambda out: layout.line(out, clean(told)))


def queries(run: Run, scope: ScopeRoot) -> None:
    """The queries in a scope whose texts are kept, oldest first."""
    with run.open() as memory:
        asked = memory.queries(scope)

    def draw(out: Console) -> None:
        for query in asked:
            when = query.asked.strftime("%Y-%m-%d %H:%M")
            layout.line(out, (f"{when}  ", "cyan"), clean(query.text), (f"  {query.scope}", "dim"))
        if not asked:
            layout.line(out, ("no texts are kept", "italic"))

    run.show(asked, draw)


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

    def draw(out: Console) -> None:
        layout.line(
            out,
            f"{report.read} memories read: {report.added} facts added, {report.present} there, "
            f"{report.archived} archived, {len(report.kept)} not yours to archive; {report.left} memories left",
        )

    run.show(report, draw)
