"""Commands that undo: rollback and erase. Both show what they are about to do, and ask."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

from memos.interface.cli import layout, memory_view
from memos.interface.cli.batch import FittingFilter, memories
from memos.interface.cli.command import Run, command
from memos.interface.cli.options import IS_CUBE_ID, Yes, json_object
from memos.interface.cli.terminal import Console, clean, console
from memos.kernel.errors import InvalidInput, NotFound

if TYPE_CHECKING:
    from memos import ErasePlan, ErasureReceipt, Rollback

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
        str | None, typer.Argument(help="The memory to take back to --to-version."), IS_CUBE_ID
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
    with run.open() as memory:
        roll_back = partial(
            memory.rollback,
            cube_id,
            to_version=to_version,
            source=source,
            actor=by,
            operation=operation,
            cut=cut,
            since=since,
            until=until,
            scope=scope,
        )
        plan = roll_back(dry_run=True)
        if not plan.is_about_something:
            raise NotFound("nothing to undo: no memory was changed by that, or all of it is undone")
        if dry_run or not plan.changes:
            run.show(plan, lambda out: _draw_rollback(out, plan))
            return
        if not yes:
            _draw_rollback(console(stderr=True), plan)
        run.confirm("Roll these back?", yes=yes)
        rolled_back = roll_back()
    run.show(rolled_back, lambda out: _draw_rollback(out, rolled_back))


def _draw_rollback(out: Console, report: Rollback) -> None:
    count = len(report.changes)
    title = "would change" if report.dry_run else "changed"
    layout.line(out, (f"{title} {count} memor{'y' if count == 1 else 'ies'}:", "bold"))
    for change in report.changes:
        layout.line(out, "  ", clean(str(change), keep_newlines=True))
    memory_view.rejections(out, report.rejected)


def erase(
    run: Run,
    subject: Annotated[
        str | None, typer.Option(help="All about this subject, and all derived from it.")
    ] = None,
    scope: Annotated[
        str | None, typer.Option(help="All in or under this scope, and all derived from it.")
    ] = None,
    cubes: Annotated[
        list[str] | None,
        typer.Option("--cube", help="This memory, and all derived from it; repeat it for several."),
        IS_CUBE_ID,
    ] = None,
    filter_: FittingFilter = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show the plan.")] = False,
    yes: Yes = False,
) -> None:
    """Erase for good: destroy keys, purge every copy, and print the signed receipt.

    The plan names every memory that would go, and says which are held.
    """
    if sum(bool(named) for named in (subject, scope, cubes)) != 1:
        raise InvalidInput("say what to erase: one of --subject, --scope, --cube")
    which: dict[str, Any] = {
        "subject": subject,
        "scope": scope,
        "cube_ids": cubes or None,
        "filter": json_object(filter_, "--filter"),
    }
    with run.open() as memory:
        if dry_run or not yes:
            plan = memory.erase(**which, dry_run=True)
        if dry_run:
            run.show(plan, lambda out: _draw_plan(out, plan))
            return
        if not yes:
            _draw_plan(console(stderr=True), plan)
            if not plan.refuses:  # else it says why nothing is erased
                run.confirm("Erase these for good?", yes=False)
        receipt = memory.erase(**which)
    run.show(receipt, lambda out: _draw_erasure(out, receipt))


def _draw_plan(out: Console, plan: ErasePlan) -> None:
    count = len(plan.memories)
    layout.line(out, (f"would erase {count} memor{'y' if count == 1 else 'ies'} for good:", "bold"))
    marks = dict.fromkeys(plan.derived, ", derived")
    marks |= {cube_id: f"{marks.get(cube_id, '')}, held" for cube_id in plan.held}
    memories(out, plan.memories, marks)
    if plan.refuses:
        layout.line(out, ("nothing is erased while one of them is held", "yellow"))
    memory_view.not_compared(out, plan.not_compared)


def _draw_erasure(out: Console, receipt: ErasureReceipt) -> None:
    count = len(receipt.cube_ids)
    layout.line(out, (f"erased {count} memor{'y' if count == 1 else 'ies'} for good:", "bold"))
    for cube_id in receipt.cube_ids:
        layout.line(out, "  ", cube_id)
    for cube_id in receipt.restored:
        layout.line(out, ("came back ", "green"), cube_id, ": the merge that absorbed it is gone")
    if not receipt.gone:
        layout.line(
            out,
            ("it is not certain yet that no store has a copy: see `memos doctor`", "yellow"),
        )
    if not receipt.confirmed:
        layout.line(out, (NOT_CONFIRMED, "yellow"))
    memory_view.not_compared(out, receipt.not_compared)
    layout.line(out, ("the signed receipt:", "bold"))
    layout.body(out, receipt.note.rstrip("\n"))
