"""Commands that turn memories into adapters of a model, and back."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memos.infrastructure.writing import writing
from memos.interface.cli import adapter_view, layout, memory_view
from memos.interface.cli.adapter_plot import draw_plot
from memos.interface.cli.command import Run, command
from memos.interface.cli.errors import ExitCode
from memos.interface.cli.evidence import ReceiptFile, receipt_in
from memos.interface.cli.models import (
    SMOLLM2,
    ModelOption,
    TeacherOption,
    opened_model,
    teacher_name,
)
from memos.interface.cli.options import IS_CUBE_ID, CubeId, ScopeRoot
from memos.interface.cli.terminal import progress
from memos.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from memos import (
        Distillation,
        DistillationSettings,
        Memory,
    )

MOST = 64
"""Memories of a scope that are distilled together where none is named."""

Steps = Annotated[int | None, typer.Option("--steps", help="How many steps at most.")]
Rank = Annotated[int | None, typer.Option("--rank", help="Of the adapter's matrices.")]
Rate = Annotated[float | None, typer.Option("--rate", help="The learning rate at its highest.")]
Seed = Annotated[int | None, typer.Option("--seed", help="Of all that is drawn.")]


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "distil")(distil)
    command(app, "backpatch")(backpatch)
    group = typer.Typer(no_args_is_help=True, help="Look at adapters, and say which answer.")
    app.add_typer(group, name="adapters")
    command(group, "list", group="adapters")(list_all)
    command(group, "show", group="adapters")(show)
    command(group, "promote", group="adapters")(promote)
    command(group, "rollback", group="adapters")(rollback)
    command(group, "rebuild", group="adapters")(rebuild)
    command(group, "rebuilt", group="adapters")(rebuilt)
    command(group, "retire", group="adapters")(retire)


def distil(
    run: Run,
    scope: ScopeRoot,
    cube_ids: Annotated[
        list[str] | None,
        typer.Argument(help="Memories of the scope; without them, all that it has."),
        IS_CUBE_ID,
    ] = None,
    model: ModelOption = SMOLLM2,
    distractors: Annotated[
        list[str] | None,
        typer.Option(
            "--distractor", help="What it is asked about, too; by default some are drawn."
        ),
        IS_CUBE_ID,
    ] = None,
    steps: Steps = None,
    rank: Rank = None,
    rate: Rate = None,
    seed: Seed = None,
    teacher: TeacherOption = None,
    seconds: Annotated[
        float | None, typer.Option("--seconds", help="How long the training may take.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell what it would be made with.")
    ] = False,
) -> None:
    """Have a model learn memories as an adapter; 6 where it did not pass."""
    with (
        run.open() as memory,
        opened_model(model, teacher) as answering,
        progress("distilling") as report,
    ):
        made = memory.distil(
            cube_ids or _all_of(memory, scope),
            scope=scope,
            model=answering,  # type: ignore[arg-type] # one that learns nothing is refused
            settings=settings_of(steps, rank, rate, seed, teacher),
            distractors=distractors or None,
            seconds=seconds,
            dry_run=dry_run,
            progress=report,
        )
    _show_distillation(run, made, dry_run=dry_run)


def backpatch(run: Run, cube_id: CubeId, model: ModelOption = SMOLLM2) -> None:
    """Write what an adapter says of its memories as memories again."""
    with run.open() as memory, opened_model(model) as answering:
        written = memory.backpatch(
            cube_id,
            model=answering,  # type: ignore[arg-type] # one that learns nothing is refused
        )
    run.show(written, lambda out: adapter_view.backpatched(out, written))


def list_all(
    run: Run,
    scope: ScopeRoot,
    retired: Annotated[
        bool, typer.Option("--retired", help="Also those that were retired.")
    ] = False,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", help="Draw gap closed against retention into this file, as SVG."),
    ] = None,
) -> None:
    """The adapters in a scope and under it: which answer, and why others do not."""
    with run.open() as memory:
        found = memory.adapters(scope, retired=retired)
        if plot is not None:
            details = [memory.adapter(each.cube_id) for each in found]
            drawn = draw_plot([point for one in details for point in adapter_view.points(one)])
            with writing(plot):
                plot.write_text(drawn)
    run.show(found, lambda out: adapter_view.adapters(out, found))


def show(run: Run, cube_id: CubeId) -> None:
    """An adapter with its memories, versions and rejections."""
    with run.open() as memory:
        details = memory.adapter(cube_id)
    run.show(details, lambda out: adapter_view.details(out, details))


def promote(
    run: Run,
    cube_id: CubeId,
    version: Annotated[int, typer.Argument(help="One that was promoted.")],
) -> None:
    """Have an adapter answer with another version of it; nothing is trained."""
    with run.open() as memory:
        done = memory.promote(cube_id, version)
    run.show(done, lambda out: layout.body(out, str(done)))


def rollback(run: Run, cube_id: CubeId) -> None:
    """Have an adapter answer with the version before the one that it answers with."""
    with run.open() as memory:
        versions = memory.adapter(cube_id).versions
        standing = next((at for at, each in enumerate(versions) if each.stands), len(versions))
        if standing == 0 or not versions:
            raise InvalidInput(f"adapter {cube_id} has no version before: rebuild it, or retire it")
        done = memory.promote(cube_id, versions[standing - 1].version)
    run.show(done, lambda out: layout.body(out, str(done)))


def rebuild(
    run: Run,
    cube_id: CubeId,
    model: ModelOption = SMOLLM2,
    steps: Steps = None,
    rank: Rank = None,
    rate: Rate = None,
    seed: Seed = None,
    teacher: TeacherOption = None,
) -> None:
    """Make an adapter again, of its memories as they are now; also for another model."""
    named = any(given is not None for given in (steps, rank, rate, seed))
    with (
        run.open() as memory,
        opened_model(model, teacher) as answering,
        progress("distilling") as report,
    ):
        settings = settings_of(steps, rank, rate, seed, teacher) if named else None
        if teacher is not None and not named:
            settings = _as_before(memory, cube_id, teacher)
        made = memory.rebuild_adapter(
            cube_id,
            model=answering,  # type: ignore[arg-type] # one that learns nothing is refused
            settings=settings,
            progress=report,
        )
    _show_distillation(run, made, dry_run=False)


def rebuilt(run: Run, file: ReceiptFile) -> None:
    """What took the place of the adapters that an erase ended, and when."""
    with run.open() as memory:
        found = memory.rebuilt_adapters(receipt_in(file))
    run.show(found, lambda out: adapter_view.rebuilt(out, found))


def retire(
    run: Run,
    cube_id: CubeId,
    expect_version: Annotated[
        int | None, typer.Option(help="Refuse if it is at another version.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="The model on this machine that lets it go.")
    ] = None,
) -> None:
    """End an adapter; its memories stay, and are read as text."""
    with run.open() as memory:
        if model is None:
            receipt = memory.retire(cube_id, expected_version=expect_version)
        else:
            with opened_model(model):
                receipt = memory.retire(cube_id, expected_version=expect_version)
    run.show(receipt, lambda out: memory_view.receipt(out, receipt, "retired"))


def _all_of(memory: Memory, scope: str) -> list[str]:
    page = memory.list(scope=scope, limit=MOST + 1)
    if len(page) > MOST:
        raise InvalidInput(
            f"{scope} has more than {MOST} memories: name those that belong together"
        )
    return [each.cube_id for each in page]


def settings_of(
    steps: int | None,
    rank: int | None,
    rate: float | None,
    seed: int | None,
    teacher: str | None,
) -> DistillationSettings:
    """How something is to be distilled, as far as the options say."""
    from memos import DistillationSettings

    given = {"steps": steps, "rank": rank, "learning_rate": rate, "seed": seed}
    named = {name: value for name, value in given.items() if value is not None}
    if rank is not None:
        named["alpha"] = 2.0 * rank
    return DistillationSettings(teacher=teacher_name(teacher), **named)  # type: ignore[arg-type] # each is named with its own type


def _as_before(memory: Memory, cube_id: str, teacher: str) -> DistillationSettings:
    """How an adapter was distilled, with this teacher."""
    from memos import DistillationSettings

    before = None
    with suppress(InvalidInput):  # it is erased, and its settings with it
        before = memory.adapter(cube_id).adapter.settings
    return replace(before or DistillationSettings(), teacher=teacher_name(teacher))


def _show_distillation(run: Run, made: Distillation, *, dry_run: bool) -> None:
    run.show(made, lambda out: adapter_view.distillation(out, made, dry_run=dry_run))
    if not made.promoted and not dry_run:
        raise typer.Exit(ExitCode.VERIFICATION_FAILED)
