"""Commands that maintain a vault: cuts, proofs, verification, rebuild, figures."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from memos import Position, Verification
from memos.interface.cli import layout
from memos.interface.cli.command import Run, command
from memos.interface.cli.errors import ExitCode
from memos.interface.cli.terminal import clean, progress
from memos.interface.serialise import plain
from memos.operation.proof import described


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    cuts = typer.Typer(no_args_is_help=True, help="Name moments of the log, and list them.")
    app.add_typer(cuts, name="cut")
    command(cuts, "name", group="cut")(name_cut)
    command(cuts, "list", group="cut")(list_cuts)
    command(app, "checkpoint")(checkpoint)
    command(app, "verify")(verify)
    command(app, "audit")(audit)
    command(app, "prove")(prove)
    command(app, "rebuild")(rebuild)
    command(app, "digest")(digest)
    command(app, "stats")(stats)


def name_cut(run: Run, name: Annotated[str, typer.Argument(help="A new name.")]) -> None:
    """Name this moment, for --as-of and rollback --cut."""
    with run.open() as memory:
        receipt = memory.name_cut(name)
    run.show(
        receipt,
        lambda out: layout.line(out, ("named ", "green"), clean(name), f" at {receipt.position}"),
    )


def list_cuts(run: Run) -> None:
    """The named cuts, and the last position before each."""
    with run.open() as memory:
        cuts = memory.cuts()
    lasts = {name: Position(0, size - 1) for name, size in cuts.items()}

    def draw(out: Console) -> None:
        layout.pairs(out, [(clean(name), str(position)) for name, position in lasts.items()])

    run.show([{"name": name, "position": position} for name, position in lasts.items()], draw)


def checkpoint(run: Run) -> None:
    """Sign the log as it is now; whoever keeps the note can prove a later change."""
    with run.open() as memory:
        signed = memory.checkpoint()
    run.show(signed, lambda out: layout.body(out, signed.note.rstrip("\n")))


def verify(run: Run) -> None:
    """Check the log against its hashes, tree and signatures; exit with 6 where it fails."""
    with run.open() as memory, progress("verifying") as report:
        verification = memory.verify(report)
    _show(run, verification)


def audit(run: Run) -> None:
    """Fold the log again beside the vault and compare every stored row; 6 where one differs."""
    with run.open() as memory, progress("auditing") as report:
        verification = memory.audit(report)
    _show(run, verification)


def _show(run: Run, verification: Verification) -> None:
    def draw(out: Console) -> None:
        checked = (
            f"{verification.events} events, {verification.cubes} cubes, "
            f"{verification.checkpoints} signed checkpoints"
        )
        if verification.ok:
            layout.line(out, ("verified: ", "green"), checked)
            _not_compared(out, verification)
            return
        count = len(verification.problems)
        layout.line(out, ("damaged: ", "bold red"), f"{count} problems in {checked}")
        for problem in verification.problems:
            layout.line(out, "  ", (clean(problem.where), "bold"), f"  {clean(problem.what)}")
        layout.line(out, "everything that is not named here is as it was written")
        _not_compared(out, verification)

    run.show({"ok": verification.ok, **plain(verification)}, draw)
    if not verification.ok:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)


def _not_compared(out: Console, verification: Verification) -> None:
    for what in verification.not_compared:
        layout.line(out, ("not compared: ", "dim"), clean(what))


def prove(run: Run, event_id: Annotated[str, typer.Argument(help="The event's id.")]) -> None:
    """Prove that an event is in the log; exit with 6 where the proof does not hold."""
    with run.open() as memory:
        proof = memory.prove(event_id)
        key = memory.verifier_key()
    holds = proof.verify(key)

    def draw(out: Console) -> None:
        verdict = ("proven: ", "green") if holds else ("not proven: ", "bold red")
        layout.line(out, verdict, f"event {proof.event_id} at {proof.position}")
        layout.pairs(out, [("kind", proof.kind), ("actor", clean(proof.actor))])
        layout.pairs(out, [("leaf", proof.leaf), ("root", proof.checkpoint.root), ("key", key)])
        for node in proof.path:
            layout.line(out, ("path  ", "dim"), node)
        layout.body(out, proof.checkpoint.note.rstrip("\n"))

    run.show({"ok": holds, "verifier_key": key, **described(proof)}, draw)
    if not holds:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)


def rebuild(run: Run) -> None:
    """Drop every projection and fold the log again; exit with 6 where the digest changes."""
    with run.open() as memory:
        before = memory.digest()
        with progress("rebuilding") as report:
            rebuilt = memory.rebuild(report)
    same = rebuilt.digest == before

    def draw(out: Console) -> None:
        layout.line(out, f"folded {rebuilt.events} events again")
        layout.pairs(out, [("digest before", before), ("digest after", rebuilt.digest)])
        for position in rebuilt.undecodable:
            layout.line(out, ("undecodable ", "red"), position)
        for position in rebuilt.unreadable:
            layout.line(out, ("unreadable ", "red"), position)
        if not same:
            layout.line(out, ("the projections had been another fold: they are now mended", "red"))

    run.show({"ok": same, "digest_before": before, **plain(rebuilt)}, draw)
    if not same:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)


def digest(run: Run) -> None:
    """SHA-256 over every memory: the same history gives the same digest."""
    with run.open() as memory:
        value = memory.digest()
    run.show({"digest": value}, lambda out: layout.line(out, value))


def stats(run: Run) -> None:
    """Figures of the vault."""
    with run.open() as memory:
        figures = memory.stats()

    def draw(out: Console) -> None:
        rows = plain(figures)
        layout.pairs(out, [(name.replace("_", " "), figure) for name, figure in rows.items()])

    run.show(figures, draw)
