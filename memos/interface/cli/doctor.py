"""The command that says what is wrong with a vault, for when it cannot be opened too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from memos import doctor
from memos.interface.cli import layout
from memos.interface.cli.command import Run, command
from memos.interface.cli.errors import ExitCode
from memos.interface.cli.terminal import Console, clean
from memos.interface.cli.wording import spoken


def attach(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "doctor")(examine)


def examine(
    run: Run,
    path: Annotated[
        Path | None, typer.Argument(help="A directory or settings file, instead of --vault.")
    ] = None,
) -> None:
    """What is wrong with the vault and how to mend it; exit with 6 where there is an error."""
    findings = [
        replace(finding, what=spoken(finding.what, {}), mend=spoken(finding.mend, {}))
        for finding in doctor(path or run.vault)
    ]
    healthy = all(finding.severity != "error" for finding in findings)

    def draw(out: Console) -> None:
        if not findings:
            layout.line(out, ("nothing is wrong", "green"))
        for finding in findings:
            style = "bold red" if finding.severity == "error" else "yellow"
            layout.line(out, (f"{finding.severity}: ", style), clean(finding.what))
            layout.line(out, "  mend: ", clean(finding.mend))

    run.show({"ok": healthy, "findings": findings}, draw)
    if not healthy:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)
