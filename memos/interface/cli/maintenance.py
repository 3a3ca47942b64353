"""Commands that maintain a vault: cuts, proofs, verification, rebuild, figures."""

from __future__ import annotations

from typing import Annotated

import typer

from memos import Position, Verification
from memos.interface.cli import layout
from memos.interface.cli.command import Run, command
from memos.interface.cli.errors import ExitCode
from memos.interface.cli.terminal import Console, clean, progress
from memos.interface.serialise import plain
from memos.interface.vaults import rebuild_vault
from memos.kernel.errors import Damaged, LogLost, ProjectionsLost
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
    """The named cuts, and where they are: the number of records before each, and where the log has one
    partition the position of the last of them.
    """
    with run.open() as memory:
        cuts = memory.cuts()
    lasts = {
        name: Position(0, size - 1) if run.is_embedded and size else None
        for name, size in cuts.items()
    }

    def draw(out: Console) -> None:
        told = [
            (clean(name), str(lasts[name] or f"{size:,} records")) for name, size in cuts.items()
        ]
        layout.pairs(out, told)

    run.show(
        [{"name": name, "position": lasts[name], "records": size} for name, size in cuts.items()],
        draw,
    )


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


def rebuild(
    run: Run,
    accept_loss: Annotated[
        bool,
        typer.Option(
            "--accept-loss",
            help="Take the topics that are there now, also where they have less than was folded.",
        ),
    ] = False,
) -> None:
    """Fold the log again in place of every projection; exit with 6 where the digest changes."""
    events, before = _as_before(run)
    with progress("rebuilding") as report:
        rebuilt = rebuild_vault(
            run.vault, actor=run.actor, accept_loss=accept_loss, progress=report
        )
    same = rebuilt.digest == before
    # Counted before the one digest and behind the other: where no event came between, both are of the same
    # events. A loss that is accepted changes them, too.
    written_meanwhile = not accept_loss and before is not None and rebuilt.events != events

    def draw(out: Console) -> None:
        layout.line(out, f"folded {rebuilt.events} events again")
        digests = [("digest before", before or "unknown"), ("digest after", rebuilt.digest)]
        layout.pairs(out, digests)
        for position in rebuilt.undecodable:
            layout.line(out, ("undecodable ", "red"), position)
        for position in rebuilt.unreadable:
            layout.line(out, ("unreadable ", "red"), position)
        if written_meanwhile:
            layout.line(
                out,
                f"{rebuilt.events - events} events were folded meanwhile, so the digests are of two "
                "moments: `memos audit` compares every row",
            )
        elif rebuilt.gone:
            layout.line(
                out, (f"{rebuilt.gone} memories are gone: the log has no more of them", "red")
            )
        elif not same:
            layout.line(out, ("the projections had been another fold: they are now mended", "red"))

    ok = same or written_meanwhile
    told = {"ok": ok, "digest_before": before, "written_meanwhile": written_meanwhile}
    run.show({**told, **plain(rebuilt)}, draw)
    if not ok:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)


def _as_before(run: Run) -> tuple[int, str | None]:
    """How many events are folded, and the digest; None where projections or log are lost."""
    try:
        with run.open() as memory:
            return memory.stats().events, memory.digest()
    except (Damaged, LogLost, ProjectionsLost):
        return 0, None


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
