"""Commands that make vaults and move them between engines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from memos.interface.cli import show
from memos.interface.cli.command import Run, command
from memos.interface.cli.screen import clean, progress
from memos.interface.vaults import create_vault
from memos.interface.vaults import migrate as move


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    vaults = typer.Typer(no_args_is_help=True, help="Make vaults.")
    app.add_typer(vaults, name="vault")
    command(vaults, "create", group="vault")(create)
    command(app, "migrate")(migrate)


def create(
    run: Run,
    path: Annotated[Path, typer.Argument(help="A new directory, or a settings file.")],
) -> None:
    """Make what is missing of a vault: topics, tables, keys; bring its tables up to date."""
    made = create_vault(path, actor=run.actor)

    def draw(out: Console) -> None:
        show.line(out, ("ready ", "green"), clean(made.path))
        show.pairs(
            out,
            [
                ("origin", made.origin),
                ("verifier key", made.verifier_key),
                ("administrator", clean(made.administrator)),
            ],
        )

    run.show(made, draw)


def migrate(
    run: Run,
    source: Annotated[Path, typer.Option("--from", help="The vault: a directory or settings.")],
    target: Annotated[Path, typer.Option("--to", help="Where to: a directory or settings.")],
) -> None:
    """Move a vault to another engine or place; cut off, it goes on when run again."""
    with progress("migrating") as report:
        done = move(source, target, actor=run.actor, progress=report)

    def draw(out: Console) -> None:
        show.line(
            out,
            ("migrated ", "green"),
            f"{done.events} events and {done.accesses} accesses to {clean(done.target)}",
        )
        present = f"{done.present} events" if done.present else ""
        show.pairs(
            out,
            [
                ("there already", present),
                ("digest of both", done.digest),
                ("old proofs hold with", done.verifier_key),
            ],
        )

    run.show(done, draw)
