"""Commands on whole vaults: create one, see its generations, migrate one to another engine, remove one."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from memos.interface.cli import layout
from memos.interface.cli.command import Run, command
from memos.interface.cli.errors import ExitCode
from memos.interface.cli.options import Yes
from memos.interface.cli.terminal import Console, clean, console, progress
from memos.interface.serialise import plain
from memos.interface.vaults import (
    VaultRemoved,
    check_root_key,
    create_vault,
    remove_vault,
    vault_generations,
)
from memos.interface.vaults import migrate as move

VaultArgument = Annotated[
    Path | None, typer.Argument(help="A directory or settings file, instead of --vault.")
]


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    vaults = typer.Typer(
        no_args_is_help=True, help="Make and remove vaults, and see to their keys and generations."
    )
    app.add_typer(vaults, name="vault")
    command(vaults, "create", group="vault")(create)
    command(vaults, "generations", group="vault")(generations)
    command(vaults, "rotate-key", group="vault")(rotate_key)
    command(vaults, "check-key", group="vault")(check_key)
    command(vaults, "remove", group="vault")(remove)
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


def generations(
    run: Run,
    remove: Annotated[
        bool,
        typer.Option("--remove", help="Remove the former, and what killed ones left over."),
    ] = False,
) -> None:
    """The projections that rebuilds made of a vault on servers; with --remove, those in use stay."""
    report = vault_generations(run.vault, actor=run.actor, remove=remove)

    def draw(out: Console) -> None:
        for number in report.removed:
            layout.line(out, ("removed ", "green"), f"generation {number}")
        rows = [
            (f"generation {each.number}", f"{each.state} since {each.since:%Y-%m-%dT%H:%M:%SZ}")
            for each in report.generations
        ]
        layout.pairs(out, rows)
        if not rows:
            layout.line(out, "none: a rebuild of a vault in a directory replaces them in place")

    run.show(report, draw)


def rotate_key(
    run: Run,
    path: VaultArgument = None,
    new_key: Annotated[
        Path | None,
        typer.Option("--new-key", help="A file with the new root key; by default one is made."),
    ] = None,
) -> None:
    """Put another root key in the place of the vault's; cut off, it goes on when run again."""
    with replace(run, vault=path or run.vault).open() as memory, progress("rewrapping") as track:
        rotated = memory.rotate_root_key(new_key, track)

    def draw(out: Console) -> None:
        again = "finished the rotation of " if rotated.resumed else "rotated "
        layout.line(out, (again, "green"), f"the root key: {clean(rotated.key_file)}")
        layout.line(out, "back it up now, apart from the vault")
        former = clean(rotated.former_file)
        layout.line(
            out, f"{former} opens only backups from before: keep it with them, or remove it"
        )

    run.show(rotated, draw)


def check_key(
    run: Run,
    key: Annotated[Path, typer.Option("--key", help="The file that may hold the root key.")],
    path: VaultArgument = None,
) -> None:
    """Whether a file holds the vault's root key; exit with 6 where it does not."""
    vault = path or run.vault
    checked = check_root_key(vault, key)

    def draw(out: Console) -> None:
        if checked.fits:
            layout.line(
                out,
                ("fits: ", "green"),
                f"{clean(str(key))} is the root key of {clean(str(vault))}",
            )
        else:
            layout.line(
                out,
                ("does not fit: ", "bold red"),
                f"{clean(str(key))} is not that of {clean(str(vault))}",
            )
        if checked.rotated is not None:
            moment = checked.rotated.isoformat(timespec="seconds")
            layout.pairs(out, [("rotated", f"{moment} by {clean(checked.rotated_by or '')}")])
        if checked.unfinished:
            layout.line(out, "the rotation is not finished: run `memos vault rotate-key` again")

    run.show({"ok": checked.fits, **plain(checked)}, draw)
    if not checked.fits:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)


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


def remove(
    run: Run,
    path: Annotated[Path, typer.Argument(help="The vault's directory, or its settings file.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would go.")] = False,
    yes: Yes = False,
) -> None:
    """Remove a vault for good: topics, keyspaces and collections, or a directory's files."""
    plan = remove_vault(path, actor=run.actor, dry_run=True)
    if dry_run:
        run.show(plan, lambda out: _draw_removed(out, plan))
        return
    if not yes:
        run.check_terminal()
        _draw_removed(console(stderr=True), plan)
    run.confirm_by_name("All of that goes for good", path.name, yes=yes)
    removed = remove_vault(path, actor=run.actor)
    run.show(removed, lambda out: _draw_removed(out, removed))


def _draw_removed(out: Console, report: VaultRemoved) -> None:
    title = "would remove" if report.dry_run else "removed"
    layout.line(out, (f"{title} the vault of {clean(report.path)}:", "bold"))
    for name in report.removed:
        layout.line(out, "  ", clean(name))
    for name in report.kept:
        layout.line(out, ("stays  ", "dim"), clean(name))
