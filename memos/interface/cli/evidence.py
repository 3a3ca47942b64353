"""Commands for whoever was handed a proof or a receipt: they need a public key, and no vault."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from memos.interface.cli import layout
from memos.interface.cli.command import Run, command
from memos.interface.cli.errors import ExitCode
from memos.interface.cli.terminal import Console, clean
from memos.interface.serialise import plain
from memos.kernel.errors import InvalidInput
from memos.kernel.note import NoteError, parse_verifier_key
from memos.operation.erasure_receipt import SIGNED, ErasureReceipt, read_receipt
from memos.operation.proof import described, read_proof

Key = Annotated[
    str, typer.Option("--key", help="The vault's verifier key, from somewhere that you trust.")
]
ReceiptFile = Annotated[
    Path, typer.Argument(help="What `memos erase --json` printed; - for stdin.")
]


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "check-proof")(check_proof)
    command(app, "check-receipt")(check_receipt)


def check_proof(
    run: Run,
    file: Annotated[Path, typer.Argument(help="What `memos prove --json` printed; - for stdin.")],
    key: Key,
) -> None:
    """Check a proof without the vault: whose key signed which event; 6 where it does not hold."""
    proof = read_proof(_text(file))
    holds = proof.verify(_checked(key))
    event = described(proof)

    def draw(out: Console) -> None:
        verdict = ("proven: ", "green") if holds else ("not proven: ", "bold red")
        layout.line(out, verdict, f"event {proof.event_id} at {proof.position}")
        names = ("kind", "actor", "scope", "cube_id", "log_time")
        layout.pairs(out, [(name.replace("_", " "), clean(plain(event[name]))) for name in names])

    run.show({"ok": holds, "verifier_key": key, **event}, draw)
    if not holds:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)


def check_receipt(
    run: Run,
    file: ReceiptFile,
    key: Key,
) -> None:
    """Check an erasure receipt without the vault; exit with 6 where it is not what was signed.

    Shows what is signed, and names what else the file says: nobody vouches for that.
    """
    receipt, unsigned = read_receipt(_text(file))
    holds = receipt.verify(_checked(key))

    def draw(out: Console) -> None:
        verdict = ("signed: ", "green") if holds else ("not signed: ", "bold red")
        erased_at = clean(plain(receipt.erased_at))
        layout.line(out, verdict, f"erase {clean(receipt.operation_id)}, {erased_at}")
        for cube_id in receipt.cube_ids:
            layout.line(out, "  erased ", clean(cube_id))
        for cube_id in receipt.restored:
            layout.line(out, "  came back ", clean(cube_id))
        if unsigned:
            layout.line(out, ("not part of what is signed: ", "yellow"), clean(", ".join(unsigned)))

    signed = {name: getattr(receipt, name) for name in SIGNED}
    run.show({"ok": holds, "verifier_key": key, **signed, "unsigned": unsigned}, draw)
    if not holds:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)


def receipt_in(file: Path) -> ErasureReceipt:
    """The receipt in a file.

    Raises:
        InvalidInput: it cannot be read, or is none.
    """
    return read_receipt(_text(file)).receipt


def _text(file: Path) -> str:
    try:
        return sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{file} cannot be read: {error}") from None


def _checked(key: str) -> str:
    try:
        parse_verifier_key(key)
    except NoteError as error:
        raise InvalidInput(
            f"--key is no verifier key ({error}): pass what `memos stats` calls so"
        ) from None
    return key
