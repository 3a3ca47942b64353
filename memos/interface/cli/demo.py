"""The demo command: it needs no vault, makes one of its own and asks nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memos.interface.cli import layout
from memos.interface.cli.command import Run, command
from memos.interface.cli.terminal import Console, console
from memos.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from memos.interface.demo import report


def attach(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "demo")(run_demo)


def run_demo(
    run: Run,
    keep: Annotated[
        Path | None, typer.Option("--keep", help="Make the demo's vault here, and keep it.")
    ] = None,
) -> None:
    """MemOS at work on a small conversation: each step with the code behind it."""
    if keep is not None:
        if keep.exists() and (not keep.is_dir() or any(keep.iterdir())):
            raise InvalidInput(f"{keep} is not an empty directory: name a new one for the demo")
        try:
            keep.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InvalidInput(f"{keep} cannot be made: {error.strerror}") from None
        _play(run, keep, kept=True)
        return
    with tempfile.TemporaryDirectory(prefix="memos-demo-") as directory:
        _play(run, Path(directory), kept=False)


def _play(run: Run, directory: Path, *, kept: bool) -> None:
    from memos.interface.demo import report, steps

    done: list[report.StepReport] = []
    out = console()
    if not run.as_json:
        layout.body(out, report.OPENING)
    for number, step in enumerate(steps.play(directory), 1):
        done.append(step)
        if not run.as_json:
            _draw(out, number, step)
    result = {"vault": str(directory / steps.VAULT) if kept else None, "steps": done}
    run.show(result, lambda console: _end(console, directory, kept=kept))


def _draw(out: Console, number: int, step: report.StepReport) -> None:
    layout.line(out, "")
    layout.line(out, (f"{number:>2}. {step.title}", "bold"))
    for line in step.code:
        layout.line(
            out, ("    >>> " if not line.startswith(" ") else "    ... ", "dim"), (line, "cyan")
        )
    for line in step.result:
        layout.line(out, "    ", line)


def _end(out: Console, directory: Path, *, kept: bool) -> None:
    from memos.interface.demo import report, steps

    layout.line(out, "")
    vault = str(directory / steps.VAULT) if kept else steps.VAULT
    layout.body(out, report.ending(vault, steps.SCOPE, kept=kept))
