"""Commands that change a memory's state, header and lifespan, and the sweep of lifespans."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer

from memos.interface.cli import layout, memory_view
from memos.interface.cli.batch import (
    DryRun,
    FittingFilter,
    InScope,
    SeveralIds,
    is_one,
    selection,
    show,
)
from memos.interface.cli.command import Run, command
from memos.interface.cli.options import CubeId, ExpectVersion
from memos.kernel.errors import InvalidInput
from memos.operation.validation import check_duration

if TYPE_CHECKING:
    from memos import Receipt, Sweep
    from memos.interface.cli.terminal import Console

Names = list[str] | None

_MOVES = (
    ("freeze", "froze", "Stop every change of a memory and its expiry, until thaw."),
    ("thaw", "thawed", "End a freeze."),
    ("hold", "held", "Put a memory under a legal hold: nothing may erase it."),
    ("lift-hold", "thawed", "End a legal hold."),
)


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "archive")(archive)
    command(app, "restore")(restore)
    for name, past_tense, help_text in _MOVES:
        command(app, name)(_move(name, past_tense, help_text))
    command(app, "set-header")(set_header)
    command(app, "lifespan")(lifespan)
    command(app, "sweep")(sweep)


def archive(
    run: Run,
    cube_ids: SeveralIds = None,
    scope: InScope = None,
    filter_: FittingFilter = None,
    dry_run: DryRun = False,
    expect_version: ExpectVersion = None,
) -> None:
    """Put memories out of sight of searches."""
    which = selection(cube_ids, scope, filter_)
    with run.open() as memory:
        if not is_one(cube_ids, expect_version, dry_run=dry_run):
            show(run, memory.archive_many(**which, dry_run=dry_run))
            return
        receipt = memory.archive((cube_ids or [""])[0], expected_version=expect_version)
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "archived"))


def restore(
    run: Run,
    cube_ids: SeveralIds = None,
    scope: InScope = None,
    filter_: FittingFilter = None,
    dry_run: DryRun = False,
    expect_version: ExpectVersion = None,
) -> None:
    """Bring archived or expired memories back."""
    which = selection(cube_ids, scope, filter_)
    with run.open() as memory:
        if not is_one(cube_ids, expect_version, dry_run=dry_run):
            show(run, memory.restore_many(**which, dry_run=dry_run))
            return
        receipt = memory.restore((cube_ids or [""])[0], expected_version=expect_version)
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "restored"))


def _move(name: str, past_tense: str, help_text: str) -> Callable[..., None]:
    def move(run: Run, cube_id: CubeId, expect_version: ExpectVersion = None) -> None:
        with run.open() as memory:
            method = getattr(memory, name.replace("-", "_"))
            receipt: Receipt = method(cube_id, expected_version=expect_version)
        run.show(receipt, lambda out: memory_view.receipt(out, receipt, past_tense))

    move.__doc__ = help_text
    return move


def _names(names: Names, clear: bool, option: str) -> Names:
    if clear and names:
        raise InvalidInput(f"pass --{option} or --any-{option}, not both")
    return [] if clear else names


def set_header(
    run: Run,
    cube_id: CubeId,
    owner: Annotated[str | None, typer.Option(help="Who administers it.")] = None,
    readers: Annotated[Names, typer.Option("--reader", help="Who alone may read it.")] = None,
    any_reader: Annotated[bool, typer.Option("--any-reader", help="Clear the readers.")] = False,
    writers: Annotated[Names, typer.Option("--writer", help="Who alone may change it.")] = None,
    any_writer: Annotated[bool, typer.Option("--any-writer", help="Clear the writers.")] = False,
    priority: Annotated[int | None, typer.Option(help="A whole number.")] = None,
    sensitivity: Annotated[str | None, typer.Option(help="A label; empty clears it.")] = None,
    purpose: Annotated[str | None, typer.Option(help="Empty clears it.")] = None,
    expect_version: ExpectVersion = None,
) -> None:
    """Change who may do what with a memory; what is not passed stays as it is."""
    new_readers = _names(readers, any_reader, "reader")
    new_writers = _names(writers, any_writer, "writer")
    with run.open() as memory:
        receipt = memory.set_header(
            cube_id,
            owner=owner,
            readers=new_readers,
            writers=new_writers,
            priority=priority,
            sensitivity=sensitivity,
            purpose=purpose,
            expected_version=expect_version,
        )
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "governed"))


def lifespan(
    run: Run,
    cube_id: CubeId,
    after: Annotated[
        str | None, typer.Option(help="A duration from now, such as 90d; empty: no end.")
    ] = None,
    renewed_by_access: Annotated[
        bool | None,
        typer.Option(
            "--renewed-by-access/--not-renewed-by-access", help="Count from the last use instead."
        ),
    ] = None,
    then: Annotated[str | None, typer.Option(help="archive, expire or erase.")] = None,
    half_life: Annotated[
        str | None, typer.Option(help="After which its rank in a search is halved; empty: never.")
    ] = None,
    expect_version: ExpectVersion = None,
) -> None:
    """Give a memory a time to live; what is not passed stays. With nothing passed it has none."""
    with run.open() as memory:
        receipt = memory.set_lifespan(
            cube_id,
            after,
            renewed_by_access=renewed_by_access,
            then=then,
            half_life=half_life,
            expected_version=expect_version,
        )
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "governed"))


def sweep(
    run: Run,
    every: Annotated[
        str | None, typer.Option(help="Sweep again after each such time, until stopped.")
    ] = None,
) -> None:
    """End what has outlived its lifespan: archive, expire or erase it."""
    pause = None if every is None else check_duration(every, "--every") / 1_000_000
    with run.open() as memory:
        _show_sweep(run, memory.sweep())
        while pause is not None:
            time.sleep(pause)
            _show_sweep(run, memory.sweep())


def _show_sweep(run: Run, swept: Sweep) -> None:
    def draw(out: Console) -> None:
        for outcome, cube_ids in (
            ("archived", swept.archived),
            ("expired", swept.expired),
            ("erased", swept.erased),
            ("held", swept.held),
            ("restored", swept.restored),
            ("left", swept.left),
        ):
            layout.line(out, f"{outcome} {len(cube_ids)}")
            for cube_id in cube_ids:
                layout.line(out, "  ", cube_id)

    run.show(swept, draw)
