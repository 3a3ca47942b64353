"""The command that has a model learn memories as they arrive."""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from memos.infrastructure.signal_event import set_by
from memos.interface.cli import adapter_view, layout
from memos.interface.cli.adapters import Rank, Rate, Seed, Steps, settings_of
from memos.interface.cli.command import Run, command
from memos.interface.cli.models import SMOLLM2, ModelOption, TeacherOption, opened_model
from memos.interface.cli.terminal import Console, clean, console, progress
from memos.interface.serialise import document

if TYPE_CHECKING:
    from memos import LearningRound


def attach(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "learn")(learn)


def learn(
    run: Run,
    scope: Annotated[str, typer.Argument(help="Whose memories, with all that lies under it.")],
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what arrives, until Ctrl-C.")
    ] = False,
    megabytes: Annotated[
        int, typer.Option("--megabytes", help="What the adapters of the scope may take.")
    ] = 1000,
    seconds: Annotated[
        float | None, typer.Option("--seconds", help="How long training may take in a round.")
    ] = None,
    policy: Annotated[
        str, typer.Option("--policy", help="three_forms or lasting.")
    ] = "three_forms",
    model: ModelOption = SMOLLM2,
    steps: Steps = None,
    rank: Rank = None,
    rate: Rate = None,
    seed: Seed = None,
    teacher: TeacherOption = None,
    curve: Annotated[
        bool, typer.Option("--curve", help="Only tell what came of the rounds so far.")
    ] = False,
) -> None:
    """Have a model on this machine learn what is stable and much used; with -f, as it arrives."""
    if curve:
        with run.open() as memory:
            rounds = memory.learning_curve(scope)
        run.show(rounds, lambda out: _draw_curve(out, rounds))
        return
    with (
        run.open() as memory,
        opened_model(model, teacher) as answering,
        progress("learning") as report,
        set_by(
            signal.SIGINT, signal.SIGTERM
        ) as interrupted,  # training ends behind the step at hand
    ):
        made = memory.learn(
            scope,
            model=answering,  # type: ignore[arg-type] # one that learns nothing is refused
            budget_bytes=megabytes * 1_000_000,
            budget_seconds=seconds,
            policy=policy,
            settings=settings_of(steps, rank, rate, seed, teacher),
            follow=(lambda made: _print(run, made)) if follow else None,
            is_stopped=interrupted.is_set,
            progress=report,
        )
    if not follow:
        run.show(made, lambda out: _draw(out, made))


def _print(run: Run, made: LearningRound) -> None:
    """A round as it comes; of one in which nothing happened, nothing."""
    if not made.number:
        return
    if run.as_json:
        sys.stdout.write(document(run.command, made) + "\n")
    else:
        _draw(console(), made)
    sys.stdout.flush()


def _draw(out: Console, made: LearningRound) -> None:
    for learnt in made.learnt:
        what = ("learnt", "bold") if learnt.promoted else ("not learnt", "bold red")
        told = f"  {learnt.memories} memories in {learnt.seconds:,.1f} s: {clean(learnt.why)}"
        layout.line(out, what, f" {learnt.adapter}", (told, "dim"))
    for retired in made.retired:
        layout.line(out, ("retired", "bold"), f" {retired.adapter}", (f"  {retired.why}", "dim"))
    told = (
        f"{clean(made.policy)} wants {made.wanted:,} of {made.candidates:,} memories in adapters; "
        f"{made.held:,} are, in {made.adapters:,} adapters of {made.bytes:,} bytes"
    )
    layout.line(out, (told, "bold"))
    adapter_view.draw_left_out(out, made.left_out)
    layout.pairs(
        out,
        [
            ("waiting for more", made.waiting or ""),
            ("beyond the budget", made.left or ""),
            ("nothing to ask about", len(made.unlearnable) or ""),
            ("earlier ones know", "" if made.retention is None else f"{made.retention:.3f}"),
            ("stopped", "" if made.is_over else "before its end: the next round goes on"),
        ],
    )


def _draw_curve(out: Console, rounds: tuple[LearningRound, ...]) -> None:
    for made in rounds:
        promoted = sum(each.promoted for each in made.learnt)
        kept = "" if made.retention is None else f"  earlier ones know {made.retention:.3f}"
        told = (
            f"  {made.held:,} of {made.wanted:,} memories in {made.adapters:,} adapters, {made.bytes:,} bytes  "
            f"{promoted} learnt in {made.seconds:,.1f} s{kept}"
        )
        layout.line(out, f"{made.number:>3}  {layout.when(made.at)}", (told, "dim"))
