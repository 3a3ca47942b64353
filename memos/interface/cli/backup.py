"""Commands that back a vault up, and restore one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from memos.interface.cli import layout
from memos.interface.cli.command import Run, command
from memos.interface.cli.errors import ExitCode
from memos.interface.cli.terminal import Console, clean, progress
from memos.interface.serialise import plain
from memos.interface.vaults import VaultRestored, restore_vault


def attach(app: typer.Typer) -> None:
    """Add this command to the program; `restore` is one of the group `vault`."""
    command(app, "backup")(backup)


def backup(
    run: Run,
    directory: Annotated[Path, typer.Argument(help="A new directory.")],
    keys: Annotated[
        Path | None,
        typer.Option("--keys", help="Another new directory, for the keys and the list of erases."),
    ] = None,
) -> None:
    """Copy a vault in a directory as it is now, while it is used, and verify the copy."""
    with run.open() as memory, progress("backing up") as track:
        made = memory.backup(directory, keys=keys, progress=track)

    def draw(out: Console) -> None:
        layout.line(
            out,
            ("backed up and verified ", "green"),
            f"{made.events} events and {made.cubes} cubes to {clean(made.directory)}",
        )
        layout.pairs(out, [("keys", clean(made.keys)), ("until", made.until or "")])
        if made.keys_missing:
            layout.line(
                out,
                ("missing: ", "bold red"),
                f"the keys of {made.keys_missing} memories, which `memos verify` names",
            )
        where = "the list of erases is with the keys" if keys else "the list of erases is not in it"
        layout.line(out, f"{where}: a restore asks for the newest one, `erased.jsonl` of the vault")

    run.show(made, draw)


def restore(
    run: Run,
    directory: Annotated[Path, typer.Argument(help="What `memos backup` made.")],
    keys: Annotated[
        Path | None, typer.Option("--keys", help="The directory with its keys, or with newer ones.")
    ] = None,
    erased: Annotated[
        list[Path] | None,
        typer.Option("--erased", help="The vault's newest list of erases, erased.jsonl."),
    ] = None,
    erased_lost: Annotated[
        bool,
        typer.Option("--erased-lost", help="There is no list: what was erased since comes back."),
    ] = False,
) -> None:
    """Make --vault of a backup; what was erased since stays erased. Exit with 6 where that, or a key, is
    in doubt.
    """
    with progress("checking") as track:
        restored = restore_vault(
            directory,
            run.vault,
            actor=run.actor,
            keys=keys,
            erased=erased or (),
            erased_lost=erased_lost,
            progress=track,
        )
    run.show({"ok": restored.ok, **plain(restored)}, lambda out: _draw(out, restored))
    if not restored.ok:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)


def _draw(out: Console, restored: VaultRestored) -> None:
    layout.line(out, ("restored ", "green"), f"{restored.events} events to {clean(restored.path)}")
    if restored.erased:
        layout.line(
            out, f"erased again: {len(restored.erased)} memories that the list of erases names"
        )
    for what in restored.missing:
        layout.line(out, ("missing: ", "yellow"), clean(what))
    if restored.keys_missing:
        layout.line(
            out,
            ("missing: ", "bold red"),
            f"the keys of {restored.keys_missing} memories, which `memos verify` names",
        )
    for doubt in restored.doubts:
        layout.line(out, ("in doubt: ", "bold red"), clean(doubt))
