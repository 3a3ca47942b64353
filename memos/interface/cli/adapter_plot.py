"""Adapters as a plot: how much of the gap each closed, against how much of what was known it kept."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple
from xml.sax.saxutils import escape

from memos import Evaluation

COLOURS = {"live": "#059669", "outdated": "#d97706", "retired": "#6b7280", "refused": "#dc2626"}
_LEFT, _TOP, _SIDE = 70, 50, 420
_RADIUS = 5


class Point(NamedTuple):
    """An adapter, or a rejection: what to call it, how it stands (of `COLOURS`), what was measured."""

    name: str
    standing: str
    evaluation: Evaluation


def draw_plot(points: Iterable[Point]) -> str:
    """The plot as SVG; both axes from 0 to 1. A figure that was not measured counts as 1."""
    dots = "".join(map(_dot, points))
    marks = "".join(_mark(tenth / 10) for tenth in range(0, 11, 2))
    legend = "".join(
        f'<circle cx="{_LEFT + 110 * number}" cy="30" r="{_RADIUS}" fill="{colour}"/>'
        + _text(_LEFT + 110 * number + 10, 34, standing)
        for number, (standing, colour) in enumerate(COLOURS.items())
    )
    width, height = _LEFT + _SIDE + 30, _TOP + _SIDE + 50
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
        f"{legend}{marks}{dots}"
        f"{_text(_LEFT + _SIDE / 2, height - 10, 'gap closed', 'middle')}"
        f"{_text(12, _TOP - 8, 'retention')}</svg>\n"
    )


def _share(figure: float | None) -> float:
    return 1.0 if figure is None else min(max(figure, 0.0), 1.0)


def _dot(point: Point) -> str:
    x = _LEFT + _SIDE * _share(point.evaluation.gap_closed)
    y = _TOP + _SIDE * (1 - _share(point.evaluation.retention))
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{_RADIUS}" fill="{COLOURS[point.standing]}" '
        f'fill-opacity=".8"><title>{escape(point.name)}</title></circle>'
    )


def _mark(share: float) -> str:
    x, y = _LEFT + _SIDE * share, _TOP + _SIDE * (1 - share)
    bottom, right = _TOP + _SIDE, _LEFT + _SIDE
    return (
        f'<path d="M{x:.0f} {_TOP}V{bottom}M{_LEFT} {y:.0f}H{right}" stroke="#e5e7eb"/>'
        f"{_text(x, bottom + 18, f'{share:.1f}', 'middle')}"
        f"{_text(_LEFT - 8, y + 4, f'{share:.1f}', 'end')}"
    )


def _text(x: float, y: float, told: str, anchor: str = "start") -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" fill="#111827">{escape(told)}</text>'
    )
