"""Commands on whole vaults: create one, migrate one to another engine."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from memos.interface.cli import layout
from memos.interface.cli.command import Run, command
from memos.interface.cli.terminal import clean, progress
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
    created = create_vault(path, actor=run.actor)

    def draw(out: Console) -> None:
        layout.line(out, ("ready ", "green"), clean(created.path))
        layout.pairs(
            out,
            [
                ("origin", created.origin),
                ("verifier key", created.verifier_key),
                ("administrator", clean(created.administrator)),
            ],
        )

    run.show(created, draw)


def migrate(
    run: Run,
    source: Annotated[Path, typer.Option("--from", help="The vault: a directory or settings.")],
    target: Annotated[Path, typer.Option("--to", help="Where to: a directory or settings.")],
) -> None:
    """Move a vault to another engine or place; cut off, it goes on when run again."""
    with progress("migrating") as track:
        migrated = move(source, target, actor=run.actor, progress=track)

    def draw(out: Console) -> None:
        layout.line(
            out,
            ("migrated ", "green"),
            f"{migrated.events} events and {migrated.accesses} accesses to {clean(migrated.target)}",
        )
        present = f"{migrated.present} events" if migrated.present else ""
        layout.pairs(
            out,
            [
                ("there already", present),
                ("digest of both", migrated.digest),
                ("old proofs hold with", migrated.verifier_key),
            ],
        )

    run.show(migrated, draw)
