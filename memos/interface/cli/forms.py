"""Commands that turn memories from one form into another."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from memos.interface.cli import layout, memory_view
from memos.interface.cli.command import Run, command
from memos.interface.cli.models import SMOLLM2, ModelOption, opened_model
from memos.interface.cli.options import IS_CUBE_ID, CubeId, EmbedderOption, ScopeRoot
from memos.interface.cli.terminal import Console, clean
from memos.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from memos import Activation, Materialised, Schedule


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "activate")(activate)
    command(app, "activations")(activations)
    command(app, "evict")(evict)
    command(app, "materialise")(materialise)
    command(app, "schedule")(schedule)


def activate(
    run: Run,
    scope: ScopeRoot,
    cube_ids: Annotated[
        list[str] | None,
        typer.Argument(help="Memories behind those that are tagged policy or pinned."),
        IS_CUBE_ID,
    ] = None,
    model: ModelOption = SMOLLM2,
    instructions: Annotated[
        str, typer.Option("--instructions", help="What the conversation's system message says.")
    ] = "",
    pinned: Annotated[
        int, typer.Option("--pinned", help="How many tokens the memories may take.")
    ] = 1000,
    again: Annotated[
        bool,
        typer.Option("--again", help="What is active there already: after a restart, or changes."),
    ] = False,
) -> None:
    """Compute memories as KV cache of a model on this machine, ahead of a question."""
    if again:
        _activate_again(run, scope, model, cube_ids)
        return
    with run.open() as memory, opened_model(model) as answering:
        activation = memory.activate(
            [run.whole_id(each) for each in cube_ids or ()],
            scope=scope,
            model=answering,  # type: ignore[arg-type] # one that keeps no cache is refused
            instructions=instructions,
            pinned_tokens=pinned,
        )
    run.show(activation, lambda out: _draw(out, activation))


def _activate_again(run: Run, scope: str, model: str, cube_ids: list[str] | None) -> None:
    if cube_ids:
        raise InvalidInput("--again is for all that is active in the scope: name no memories")
    with run.open() as memory, opened_model(model) as answering:
        found = memory.reactivate(
            scope,
            model=answering,  # type: ignore[arg-type] # one that keeps no cache is refused
        )
    run.show(found, lambda out: _draw_all(out, found))


def activations(run: Run, scope: ScopeRoot) -> None:
    """What is kept as KV cache in a scope and under it."""
    with run.open() as memory:
        found = memory.activations(scope)
    run.show(found, lambda out: _draw_all(out, found))


def evict(
    run: Run,
    cube_id: CubeId,
    expect_version: Annotated[
        int | None, typer.Option(help="Refuse if it is at another version.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="The model on this machine that lets it go.")
    ] = None,
) -> None:
    """End an activation; its memories stay as they are."""
    with run.open() as memory:
        if model is None:
            receipt = memory.evict(cube_id, expected_version=expect_version)
        else:
            with opened_model(model):
                receipt = memory.evict(cube_id, expected_version=expect_version)
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "evicted"))


def materialise(run: Run, cube_id: CubeId) -> None:
    """The memories that an activation was computed from, as they were."""
    with run.open() as memory:
        made = memory.materialise(cube_id)
    run.show(made, lambda out: _draw_memories(out, made))


def schedule(
    run: Run,
    scope: ScopeRoot,
    megabytes: Annotated[int, typer.Option("--megabytes", help="What it may take in memory.")],
    policy: Annotated[
        str, typer.Option("--policy", help="cost_aware, lru, lfu, labels or nearness.")
    ] = "cost_aware",
    model: ModelOption = SMOLLM2,
    instructions: Annotated[
        str, typer.Option("--instructions", help="What the conversation's system message says.")
    ] = "",
    embedder: EmbedderOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only decide.")] = False,
) -> None:
    """Have a policy decide which memories a model on this machine keeps as KV cache."""
    with run.open(embedder=embedder) as memory, opened_model(model) as answering:
        made = memory.schedule(
            scope,
            budget_bytes=megabytes * 1_000_000,
            model=answering,  # type: ignore[arg-type] # one that keeps no cache is refused
            policy=policy,
            instructions=instructions,
            dry_run=dry_run,
        )
    run.show(made, lambda out: _draw_schedule(out, made))


def _draw_schedule(out: Console, made: Schedule) -> None:
    plan = made.plan
    for decision in plan.decisions:
        told = f"  {decision.form.name.lower()}: {clean(decision.reason)}"
        layout.line(out, decision.cube_id, (told, "dim"))
    verb = "would keep" if made.recorded is None else "keeps"
    told = (
        f"{clean(plan.policy)} {verb} {len(plan.activated):,} of {plan.candidates:,} memories, "
        f"{plan.activated_bytes:,} of {plan.budget.bytes:,} bytes; it changes {len(plan.decisions):,}"
    )
    layout.line(out, (told, "bold"))
    if made.activation is not None:
        _draw(out, made.activation)


def _draw(out: Console, activation: Activation) -> None:
    what = "activated" if activation.is_new else "already active"
    layout.line(out, (what, "bold"), f" {activation.cube_id} v{activation.version}")
    layout.pairs(
        out,
        [
            ("model", activation.model),
            ("memories", len(activation.memories)),
            ("tokens", f"{activation.tokens:,}"),
            (
                "computed now",
                f"{activation.computed_tokens:,} in {activation.milliseconds:,.0f} ms",
            ),
            ("kept in", f"{activation.tier}, {activation.size:,} bytes"),
        ],
    )


def _draw_all(out: Console, found: tuple[Activation, ...]) -> None:
    for each in found:
        told = (
            f"  {clean(each.scope)}  {clean(each.model)}  {len(each.memories)} memories  "
            f"{each.tokens:,} tokens  {each.size:,} bytes"
        )
        layout.line(out, each.cube_id, (told, "dim"))


def _draw_memories(out: Console, made: Materialised) -> None:
    for memory in made.memories:
        layout.body(out, memory.text or "")
        layout.line(out, (f"  {memory.cube_id}  v{memory.version}", "dim"))
