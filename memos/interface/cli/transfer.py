"""Commands that move memories in and out of a vault: import, export, load, recipient."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Annotated

import typer

from memos import ImportReport, Memory
from memos.infrastructure.transfer.wrapping import new_recipient
from memos.interface.cli import layout
from memos.interface.cli.command import Run, command
from memos.interface.cli.errors import ExitCode
from memos.interface.cli.import_view import draw_import
from memos.interface.cli.imported_files import files_of, import_into
from memos.interface.cli.options import FilterOption, json_object
from memos.interface.cli.terminal import Console, clean, progress
from memos.interface.cli.wording import spoken
from memos.kernel.errors import InvalidInput

PassphraseFile = Annotated[
    Path | None,
    typer.Option(help="A file whose first line is the passphrase that wraps the keys."),
]


_WRAPPED_BY = {"recipient": "--recipient", "passphrase": "--passphrase-file"}


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "import")(import_file)
    command(app, "export")(export)
    command(app, "load")(load)
    command(app, "recipient")(recipient)


def _first_line(path: Path | None) -> str | None:
    """A secret from a file: on a command line, every user of the machine could read it."""
    if path is None:
        return None
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{path} cannot be read: {error}") from None
    if not lines or not lines[0]:
        raise InvalidInput(f"the first line of {path} is empty: it should hold the secret")
    return lines[0]


def import_file(
    run: Run,
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Files, or folders of notes or sessions; - is stdin.", metavar="PATH..."
        ),
    ],
    scope: Annotated[str, typer.Option(help="Where the memories go.")],
    form: Annotated[
        str,
        typer.Option(
            "--format", help="auto, or chatgpt, markdown, mem0, ...: see docs/importers.md."
        ),
    ] = "auto",
    root: Annotated[
        str | None,
        typer.Option(help="A name for what is imported, the same wherever its files lie."),
    ] = None,
    subject: Annotated[
        str | None, typer.Option(help="Whom it is about, where the file does not say it.")
    ] = None,
    tag: Annotated[
        list[str] | None, typer.Option(help="A tag of every memory; may be repeated.")
    ] = None,
    timezone: Annotated[
        str, typer.Option(help="Of times that name none, such as Europe/Oslo.")
    ] = "UTC",
    prune: Annotated[
        bool, typer.Option("--prune", help="Archive what came from there and is missing now.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", "-y", help="Prune more than a fifth of it, too.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Bring back what was erased, archived or undone since.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")
    ] = False,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out what cannot be read or changed.")
    ] = False,
) -> None:
    """Remember what another program wrote, and again what changed of it; exit with 1 where items were
    refused, or stay erased or undone.
    """
    with files_of(paths) as (files, named), progress("importing") as report:

        def imports(memory: Memory, is_dry: bool) -> ImportReport:
            return memory.import_file(
                files,
                scope=scope,
                format=form,
                root=root or named,
                subject=subject,
                tags=tag or (),
                timezone=timezone,
                prune=prune,
                yes=yes,
                again=again,
                dry_run=is_dry,
                skip_bad=skip_bad,
                progress=report,
            )

        imported = import_into(run, dry_run=dry_run, imports=imports)
    run.show(imported, lambda out: draw_import(out, imported, scope))
    if imported.refused or imported.withheld:
        raise typer.Exit(ExitCode.ERROR)


def export(
    run: Run,
    path: Annotated[Path, typer.Argument(help="A new directory, or a .tar, .memos or .zip file.")],
    scope: Annotated[str | None, typer.Option(help="Only in and under this scope.")] = None,
    filter_: FilterOption = None,
    recipient: Annotated[
        str | None, typer.Option(help="Wrap the keys to this public key: see memos recipient.")
    ] = None,
    passphrase_file: PassphraseFile = None,
    since: Annotated[
        Path | None,
        typer.Option(help="An earlier export of the whole vault: only what came behind it."),
    ] = None,
) -> None:
    """Write memories with their whole history; without a scope or filter, the whole vault."""
    condition = json_object(filter_, "--filter")
    passphrase = _first_line(passphrase_file)
    with run.open() as memory, progress("exporting") as report:
        exported = memory.export(
            path,
            scope=scope,
            filter=condition,
            recipient=recipient,
            passphrase=passphrase,
            since=since,
            progress=report,
        )

    def draw(out: Console) -> None:
        layout.line(
            out,
            ("exported ", "green"),
            f"{exported.memories} memories and {exported.events} events to "
            f"{clean(str(exported.path))}",
        )
        extent = "the whole vault" if exported.complete else "a part of the vault"
        if exported.since is not None:
            extent = f"what came behind {clean(str(exported.since))}"
        layout.pairs(
            out,
            [("holds", extent), ("keys", exported.keys), ("signed by", exported.verifier_key)],
        )
        for warning in exported.warnings:
            layout.line(out, ("warning: ", "yellow"), spoken(warning, _WRAPPED_BY))

    run.show(exported, draw)


def load(
    run: Run,
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="An export, a directory or a file; behind it its increments, in their order.",
            metavar="PATH...",
        ),
    ],
    passphrase_file: PassphraseFile = None,
    recipient_key_file: Annotated[
        Path | None, typer.Option(help="The file that memos recipient made.")
    ] = None,
    verifier_key: Annotated[
        str | None, typer.Option(help="Accept only an export of the vault with this key.")
    ] = None,
) -> None:
    """Load an export into --vault, which is made when absent; exit with 1 where cubes are refused."""
    passphrase = _first_line(passphrase_file)
    recipient_key = _first_line(recipient_key_file)
    # What was refused is listed below, with every cube's reason.
    with progress("loading") as track, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        memory = Memory.load(
            paths,
            run.vault,
            actor=run.actor,
            passphrase=passphrase,
            recipient_key=recipient_key,
            verifier_key=verifier_key,
            progress=track,
        )
    memory.close()
    report = memory.load_report
    refused = () if report is None else report.refused
    untold = () if report is None else report.untold
    left = () if report is None else report.left

    def draw(out: Console) -> None:
        if report is not None:
            layout.line(out, ("loaded ", "green"), f"{report.events} events of {report.origin}")
            layout.pairs(
                out, [("there already", report.present or ""), ("left out", report.left_out or "")]
            )
        for cube in refused:
            layout.line(out, ("refused ", "red"), f"{cube.cube_id}: {clean(cube.reason)}")
        for cube_id in left:
            layout.line(
                out, ("left ", "red"), f"{cube_id}: taken by an erase in the export, and held"
            )
        for cube_id in untold:
            layout.line(out, ("taken ", "yellow"), f"{cube_id}: its subject may be one erased here")

    run.show(report, draw)
    if refused or left:
        raise typer.Exit(ExitCode.ERROR)


def recipient(
    run: Run,
    path: Annotated[Path, typer.Argument(help="A new file for the private key.")],
) -> None:
    """Make a key pair to receive exports with: keep the file, give away the public key."""
    pair = new_recipient()
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise InvalidInput(f"{path} cannot be made: {error.strerror}") from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{pair.private}\n")
    keys = {"public_key": pair.public, "private_key_file": path}
    run.show(keys, lambda out: layout.line(out, pair.public))
