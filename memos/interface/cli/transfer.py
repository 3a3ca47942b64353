"""Commands that move memories: import, export, load, recipient; and doctor, for when one cannot."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from memos.infrastructure.transfer.wrapping import new_recipient
from memos.interface.cli import show
from memos.interface.cli.command import FilterOption, Run, command, given, json_object
from memos.interface.cli.errors import ExitCode
from memos.interface.cli.screen import clean, progress
from memos.interface.memory import Memory
from memos.interface.vaults import doctor
from memos.kernel.errors import InvalidInput

PassphraseFile = Annotated[
    Path | None,
    typer.Option(help="A file whose first line is the passphrase that wraps the keys."),
]


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "import")(import_file)
    command(app, "export")(export)
    command(app, "load")(load)
    command(app, "recipient")(recipient)
    command(app, "doctor")(examine)


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
    path: Annotated[Path, typer.Argument(help="A file, or a folder of Markdown.")],
    scope: Annotated[str, typer.Option(help="Where the memories go.")],
    form: Annotated[
        str, typer.Option("--format", help="auto, jsonl, messages, locomo, markdown or mem0.")
    ] = "auto",
) -> None:
    """Remember what another program wrote; repeated, it changes nothing."""
    if not path.exists():  # before a vault is made for it
        raise InvalidInput(f"there is no file {path}")
    with run.open(create=True) as memory, progress("importing") as report:
        done = memory.import_file(path, scope=scope, format=form, progress=report)

    def draw(out: Console) -> None:
        show.line(
            out,
            ("imported ", "green"),
            f"{done.added} memories ({done.format}) into {', '.join(done.scopes) or scope}",
        )
        if done.present:
            show.line(out, f"{done.present} were there already")
        for each in done.skipped:
            show.line(out, ("skipped ", "yellow"), clean(each))

    run.show(done, draw)


def export(
    run: Run,
    path: Annotated[Path, typer.Argument(help="A new directory, or a .tar or .memos file.")],
    scope: Annotated[str | None, typer.Option(help="Only in and under this scope.")] = None,
    filter_: FilterOption = None,
    recipient: Annotated[
        str | None, typer.Option(help="Wrap the keys to this public key: see memos recipient.")
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Write memories with their whole history; without a scope or filter, the whole vault."""
    options = given(
        scope=scope,
        filter=json_object(filter_, "--filter"),
        recipient=recipient,
        passphrase=_first_line(passphrase_file),
    )
    with run.open() as memory, progress("exporting") as report:
        done = memory.export(path, **options, progress=report)

    def draw(out: Console) -> None:
        show.line(
            out,
            ("exported ", "green"),
            f"{done.memories} memories and {done.events} events to {clean(str(done.path))}",
        )
        kept = "the whole vault" if done.complete else "a part of the vault"
        show.pairs(out, [("holds", kept), ("keys", done.keys), ("signed by", done.verifier_key)])
        for warning in done.warnings:
            show.line(out, ("warning: ", "yellow"), warning)

    run.show(done, draw)


def load(
    run: Run,
    path: Annotated[Path, typer.Argument(help="An export: a directory or a file.")],
    passphrase_file: PassphraseFile = None,
    recipient_key_file: Annotated[
        Path | None, typer.Option(help="The file that memos recipient made.")
    ] = None,
    verifier_key: Annotated[
        str | None, typer.Option(help="Accept only an export of the vault with this key.")
    ] = None,
) -> None:
    """Load an export into --vault, which is made when absent; exit with 1 where cubes are refused."""
    options = given(
        passphrase=_first_line(passphrase_file),
        recipient_key=_first_line(recipient_key_file),
        verifier_key=verifier_key,
    )
    # What was refused is told below, with every cube's reason.
    with progress("loading") as told, warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        memory = Memory.load(path, run.vault, actor=run.actor, progress=told, **options)
    memory.close()
    report = memory.load_report
    refused = () if report is None else report.refused

    def draw(out: Console) -> None:
        if report is not None:
            show.line(out, ("loaded ", "green"), f"{report.events} events of {report.origin}")
            show.pairs(
                out, [("there already", report.present or ""), ("left out", report.left_out or "")]
            )
        for cube in refused:
            show.line(out, ("refused ", "red"), f"{cube.cube_id}: {clean(cube.reason)}")

    run.show(report, draw)
    if refused:
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
    found = {"public_key": pair.public, "private_key_file": path}
    run.show(found, lambda out: show.line(out, pair.public))


def examine(
    run: Run,
    path: Annotated[
        Path | None, typer.Argument(help="A directory or settings file, instead of --vault.")
    ] = None,
) -> None:
    """What is wrong with the vault and how to mend it; exit with 6 where there is an error."""
    findings = doctor(path or run.vault)
    healthy = all(finding.severity != "error" for finding in findings)

    def draw(out: Console) -> None:
        if not findings:
            show.line(out, ("nothing is wrong", "green"))
        for finding in findings:
            style = "bold red" if finding.severity == "error" else "yellow"
            show.line(out, (f"{finding.severity}: ", style), clean(finding.what))
            show.line(out, "  mend: ", clean(finding.mend))

    run.show({"ok": healthy, "findings": findings}, draw)
    if not healthy:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)
