"""What commands over several memories have in common: which memories, and how a batch looks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any

import typer

from memos import Batch, PlannedMemory
from memos.interface.cli import layout, memory_view
from memos.interface.cli.command import Run
from memos.interface.cli.options import IS_CUBE_ID, json_object
from memos.interface.cli.terminal import Console, clean
from memos.kernel.errors import InvalidInput

PAST = {
    "archive": "archived",
    "restore": "restored",
    "tag": "tagged",
    "untag": "untagged",
    "update": "updated",
}

SeveralIds = Annotated[
    list[str] | None,
    typer.Argument(metavar="[CUBE_ID]...", help="Their ids, or how these begin."),
    IS_CUBE_ID,
]
Cubes = Annotated[
    list[str] | None,
    typer.Option("--cube", help="A memory's id, or how it begins; repeat it for several."),
    IS_CUBE_ID,
]
InScope = Annotated[
    str | None, typer.Option("--scope", help="All in and under it, in the place of ids.")
]
FittingFilter = Annotated[
    str | None, typer.Option("--filter", help="Of --scope, only what this JSON fits.")
]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")]


def selection(
    cube_ids: Sequence[str] | None, scope: str | None, filter_: str | None
) -> Mapping[str, Any]:
    """What the methods of several memories take to choose them.

    Raises:
        InvalidInput: the filter is no JSON object, or has no scope.
    """
    if filter_ is not None and scope is None:
        raise InvalidInput("--filter chooses among the memories of a scope: pass --scope")
    if cube_ids and scope is not None:
        raise InvalidInput("pass ids, or --scope, not both")
    condition = json_object(filter_, "--filter")
    return {"cube_ids": cube_ids or None, "scope": scope, "filter": condition}


def is_one(cube_ids: Sequence[str] | None, expect_version: int | None, *, dry_run: bool) -> bool:
    """Whether a command is for one memory that is named, and to be done: then it prints a receipt.

    Raises:
        InvalidInput: a version is expected of several.
    """
    one = cube_ids is not None and len(cube_ids) == 1 and not dry_run
    if expect_version is not None and not one:
        raise InvalidInput("--expect-version is for one memory, named by its id")
    return one


def show(run: Run, batch: Batch) -> None:
    """Print what a command over several memories did, or would do."""
    run.show(batch, lambda out: _draw(out, batch))


def _draw(out: Console, batch: Batch) -> None:
    done = PAST.get(batch.operation, batch.operation)
    title = f"would {batch.operation}" if batch.dry_run else done
    if batch.memories:
        layout.line(out, (f"{title} {_counted(len(batch.memories))}:", "bold"))
        memories(out, batch.memories)
    elif not batch.dry_run:
        layout.line(out, ("nothing was changed", "bold"))
    else:
        layout.line(out, ("nothing would change", "bold"))
    if batch.unchanged:
        layout.line(out, (f"{_counted(batch.unchanged)} left as asked for already", "dim"))
    memory_view.rejections(out, batch.rejected)
    memory_view.not_compared(out, batch.not_compared)
    if batch.operation_id:
        undo = f"`memos rollback --operation {batch.operation_id}` takes all of it back"
        layout.line(out, (undo, "dim"))


def _counted(count: int) -> str:
    return f"{count} memor{'y' if count == 1 else 'ies'}"


def memories(
    out: Console, planned: Iterable[PlannedMemory], marks: Mapping[str, str] | None = None
) -> None:
    """Memories of a plan, a line each: id, scope, what is marked, how the text begins."""
    for memory in planned:
        mark = (marks or {}).get(memory.cube_id, "")
        about = f" ({memory.scope}{mark})  "
        layout.line(out, "  ", memory.cube_id, (clean(about), "dim"), clean(memory.title))
