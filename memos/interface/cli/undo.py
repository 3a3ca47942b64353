"""Commands that undo: rollback and erase. Both show what they are about to do, and ask."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.console import Console

from memos.interface.cli import show
from memos.interface.cli.command import Run, Yes, command, given
from memos.interface.cli.screen import clean, console
from memos.kernel.errors import InvalidInput
from memos.operation.commands.rollback import Rollback
from memos.operation.erasure_receipt import ErasureReceipt

NOT_CONFIRMED = (
    "files may hold bytes of destroyed keys until they are written anew: the write-ahead log at its "
    "next checkpoint, a server's at a compaction"
)


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "rollback")(rollback)
    command(app, "erase")(erase)


def rollback(
    run: Run,
    cube_id: Annotated[
        str | None, typer.Argument(help="The memory to take back to --to-version.")
    ] = None,
    to_version: Annotated[int | None, typer.Option(help="The version it goes back to.")] = None,
    source: Annotated[
        str | None, typer.Option(help="Undo what came from this source, or below it.")
    ] = None,
    by: Annotated[str | None, typer.Option("--by", help="Undo what this actor did.")] = None,
    operation: Annotated[str | None, typer.Option(help="Undo this operation (its id).")] = None,
    cut: Annotated[str | None, typer.Option(help="Undo all after this named cut.")] = None,
    since: Annotated[str | None, typer.Option(help="Only from this position on.")] = None,
    until: Annotated[str | None, typer.Option(help="Only before this position.")] = None,
    scope: Annotated[str | None, typer.Option(help="Only in and under this scope.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    yes: Yes = False,
) -> None:
    """Take a memory to a version, or undo a source, an actor, an operation or a stretch of log.

    The plan names every memory that is touched: what was derived from what is undone goes too.
    """
    what = given(
        cube_id=cube_id,
        to_version=to_version,
        source=source,
        actor=by,
        operation=operation,
        cut=cut,
        since=since,
        until=until,
        scope=scope,
    )
    with run.open() as memory:
        plan = memory.rollback(**what, dry_run=True)
        if dry_run or not plan.changes:
            run.show(plan, lambda out: _rollback(out, plan))
            return
        if not yes:
            _rollback(console(stderr=True), plan)
        run.confirm("Roll these back?", yes=yes)
        done = memory.rollback(**what)
    run.show(done, lambda out: _rollback(out, done))


def _rollback(out: Console, found: Rollback) -> None:
    if not found.changes and not found.rejected:
        show.line(out, ("nothing to undo", "italic"))
        return
    count = len(found.changes)
    title = "would change" if found.dry_run else "changed"
    show.line(out, (f"{title} {count} memor{'y' if count == 1 else 'ies'}:", "bold"))
    for change in found.changes:
        show.line(out, "  ", clean(str(change)))
    show.rejections(out, found.rejected)


def erase(
    run: Run,
    subject: Annotated[
        str | None, typer.Option(help="All about this subject, and all derived from it.")
    ] = None,
    scope: Annotated[
        str | None, typer.Option(help="All in or under this scope, and all derived from it.")
    ] = None,
    cube_id: Annotated[
        str | None, typer.Option("--cube", help="This memory, and all derived from it.")
    ] = None,
    yes: Yes = False,
) -> None:
    """Erase for good: destroy keys, purge every copy, and print the signed receipt."""
    what = given(subject=subject, scope=scope, cube_id=cube_id)
    if len(what) != 1:
        raise InvalidInput("say what to erase: one of --subject, --scope, --cube")
    ((kind, name),) = what.items()
    told = f"{kind.replace('cube_id', 'cube')} {clean(name)}"
    with run.open() as memory:
        run.confirm(f"Erase {told}, and all that was derived from it, for good?", yes=yes)
        receipt = memory.erase(**what)
    run.show(receipt, lambda out: _erased(out, receipt))


def _erased(out: Console, receipt: ErasureReceipt) -> None:
    count = len(receipt.cube_ids)
    show.line(out, (f"erased {count} memor{'y' if count == 1 else 'ies'} for good:", "bold"))
    for cube_id in receipt.cube_ids:
        show.line(out, "  ", cube_id)
    for cube_id in receipt.restored:
        show.line(out, ("came back ", "green"), cube_id, ": the merge that absorbed it is gone")
    if not receipt.gone:
        show.line(
            out,
            ("it is not certain yet that no store has a copy: see `memos doctor`", "yellow"),
        )
    if not receipt.confirmed:
        show.line(out, (NOT_CONFIRMED, "yellow"))
    show.line(out, ("the signed receipt:", "bold"))
    show.body(out, receipt.note.rstrip("\n"))
