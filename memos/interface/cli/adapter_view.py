"""How adapters look on a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memos.interface.cli import layout
from memos.interface.cli.adapter_plot import Point
from memos.interface.cli.terminal import Console, clean

if TYPE_CHECKING:
    from memos import (
        Adapter,
        AdapterDetails,
        Backpatched,
        Distillation,
        Evaluation,
        RebuiltAdapter,
    )


def distillation(out: Console, made: Distillation, *, dry_run: bool) -> None:
    """What became of memories that were to be distilled."""
    if dry_run:
        layout.line(out, ("would distil", "bold"), f" {len(made.memories)} memories:")
        for each in made.memories:
            layout.line(out, f"  {each.cube_id} v{each.version}", (f"  {each.role}", "dim"))
        return
    if made.adapter is not None:
        what = "distilled" if made.is_new else "already distilled"
        layout.line(out, (what, "bold"), f" {made.cube_id} v{made.adapter.version}")
    else:
        layout.line(out, ("not promoted", "bold red"), f" {made.cube_id}")
    if made.evaluation is not None:
        _draw_evaluation(out, made.evaluation)


def _draw_evaluation(out: Console, evaluation: Evaluation) -> None:
    figures = ("gap", "gap_closed", "accuracy", "teacher_accuracy", "retention", "in_context")
    layout.pairs(
        out,
        [
            *((name.replace("_", " "), _figure(getattr(evaluation, name))) for name in figures),
            ("locality", f"{evaluation.locality:.4f} nats"),
        ],
    )
    for reason in evaluation.refusals:
        layout.line(out, ("  refused: ", "red"), clean(reason))


def _figure(figure: float | None) -> str:
    return "" if figure is None else f"{figure:.3f}"


def _standing(adapter: Adapter) -> str:
    if adapter.is_live:
        return "live"
    if adapter.evaluation is None:
        return "refused"
    return "retired" if adapter.status == "Archived" else "outdated"


def adapters(out: Console, found: tuple[Adapter, ...]) -> None:
    """Adapters, a line each, and why some do not answer."""
    for each in found:
        told = f"  {clean(each.scope)}  {clean(each.model)}  {len(each.memories)} memories"
        if each.evaluation is not None:
            closed, kept = each.evaluation.gap_closed, each.evaluation.retention
            told += f"  gap closed {_figure(closed) or '-'}  retention {_figure(kept) or '-'}"
        layout.line(out, each.cube_id, f"  {_standing(each)}", (told, "dim"))
        for reason in each.outdated:
            layout.line(out, (f"  {clean(reason)}", "dim"))


def details(out: Console, shown: AdapterDetails) -> None:
    """An adapter with its history."""
    adapter = shown.adapter
    adapters(out, (adapter,))
    layout.pairs(
        out,
        [
            ("version", adapter.version),
            ("base", adapter.model_digest),
            ("sha256", adapter.sha256),
            ("size", f"{adapter.size:,} bytes" if adapter.size else ""),
            ("parent", "" if adapter.parent is None else adapter.parent.cube_id),
            ("policy", adapter.policy),
            ("teacher", "" if adapter.settings is None else clean(adapter.settings.teacher)),
        ],
    )
    if adapter.evaluation is not None:
        _draw_evaluation(out, adapter.evaluation)
    for each in adapter.memories:
        layout.line(out, f"  {each.cube_id} v{each.version}", (f"  {each.role}", "dim"))
    for version in shown.versions:
        stands = "  answers" if version.stands else ""
        told = f"v{version.version}  {layout.when(version.at)}  {clean(version.actor)}{stands}"
        layout.line(out, (told, "dim"))
    for rejection in shown.rejections:
        layout.line(out, (f"rejected  {layout.when(rejection.at)}", "red"))
        for reason in rejection.evaluation.refusals:
            layout.line(out, (f"  {clean(reason)}", "dim"))


def points(details: AdapterDetails) -> list[Point]:
    """An adapter and its rejections in a plot."""
    adapter = details.adapter
    name = adapter.cube_id
    points = [Point(name, "refused", each.evaluation) for each in details.rejections]
    if adapter.evaluation is not None:
        points.append(Point(name, _standing(adapter), adapter.evaluation))
    return points


def backpatched(out: Console, written: tuple[Backpatched, ...]) -> None:
    """Memories that an adapter told."""
    for each in written:
        layout.body(out, each.text)
        told = f"  {each.receipt.cube_id}  confidence {each.confidence:.2f}  of {each.source}"
        layout.line(out, (told, "dim"))


def rebuilt(out: Console, found: tuple[RebuiltAdapter, ...]) -> None:
    """What took the place of erased adapters."""
    for each in found:
        told = f"{each.cube_id} rebuilt as {each.successor} v{each.version}"
        layout.line(out, told, (f"  {layout.when(each.at)}", "dim"))
