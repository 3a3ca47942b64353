"""Draw what `benchmarks.continual` kept, as one SVG: what is right as facts arrive, and what that takes.

python -m benchmarks.continual_plot [RESULTS.json] [PLOT.svg]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

RESULTS = Path(__file__).parent / "results" / "continual.json"
PLOT = Path(__file__).parents[1] / "docs" / "continual.svg"

RIGHT = {
    "both": "#1f2937",
    "retrieval": "#2563eb",
    "adapters": "#059669",
    "fine-tuning": "#dc2626",
    "retention": "#7c3aed",
}
TAKEN = {"bytes": "#d97706", "seconds": "#6b7280"}
TOLD = {
    "both": "retrieval + adapters",
    "retrieval": "retrieval only",
    "adapters": "adapters only",
    "fine-tuning": "fine-tuning as it comes",
    "retention": "adapters, first batch retained",
}
_LEFT, _TOP, _WIDTH, _HEIGHT, _BETWEEN = 70, 70, 560, 240, 90

Row = Mapping[str, Any]


def draw(rows: Sequence[Row]) -> str:
    """The plot: shares of right answers above, bytes and seconds below, each as a share of its last."""
    most = rows[-1]["facts"]
    upper = _panel(_TOP, most, "share of answers that are right")
    upper += "".join(
        _line(
            [(row["facts"], row[name]) for row in rows if row[name] is not None], most, _TOP, colour
        )
        for name, colour in RIGHT.items()
    )
    below = _TOP + _HEIGHT + _BETWEEN
    lower = _panel(below, most, "bytes and seconds of training so far, as a share of all")
    lower += "".join(
        _line([(row["facts"], row[name] / rows[-1][name]) for row in rows], most, below, colour)
        for name, colour in TAKEN.items()
    )
    last = rows[-1]
    taken = {
        "bytes": f"bytes: {last['bytes']:,.0f}",
        "seconds": f"seconds: {last['seconds']:,.0f}",
    }
    legend = _legend({TOLD[name]: colour for name, colour in RIGHT.items()}, 34)
    legend += _legend({taken[name]: colour for name, colour in TAKEN.items()}, below - 36)
    height = below + _HEIGHT + 50
    title = _text(12, 18, f"{most} facts of the tiny model's language, in batches", weight="bold")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_LEFT + _WIDTH + 40} {height}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
        f"{title}{legend}{upper}{lower}</svg>\n"
    )


def _panel(top: int, most: int, told: str) -> str:
    bottom, right = top + _HEIGHT, _LEFT + _WIDTH
    marks = "".join(
        f'<path d="M{_LEFT} {bottom - _HEIGHT * n / 5:.0f}H{right}" stroke="#e5e7eb"/>'
        + _text(_LEFT - 8, bottom - _HEIGHT * n / 5 + 4, f"{n / 5:.1f}", anchor="end")
        + _text(_LEFT + _WIDTH * n / 5, bottom + 18, f"{most * n // 5}", anchor="middle")
        for n in range(6)
    )
    return marks + _text(_LEFT, top - 10, told) + _text(right, bottom + 36, "facts", anchor="end")


def _line(points: Sequence[tuple[float, float]], most: int, top: int, colour: str) -> str:
    drawn = " ".join(
        f"{_LEFT + _WIDTH * x / most:.1f},{top + _HEIGHT * (1 - y):.1f}" for x, y in points
    )
    return f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>'


def _legend(told: Mapping[str, str], y: int) -> str:
    parts, x = [], 12
    for name, colour in told.items():
        parts.append(f'<rect x="{x}" y="{y}" width="10" height="10" fill="{colour}"/>')
        parts.append(_text(x + 14, y + 9, name))
        x += 34 + 6 * len(name)
    return "".join(parts)


def _text(x: float, y: float, told: str, *, anchor: str = "start", weight: str = "normal") -> str:
    return (
        f'<text x="{x:.0f}" y="{y:.0f}" text-anchor="{anchor}" font-weight="{weight}" '
        f'fill="#111827">{escape(told)}</text>'
    )


def main(arguments: list[str]) -> int:
    """Draw; the exit code."""
    results = Path(arguments[0]) if arguments else RESULTS
    plot = Path(arguments[1]) if len(arguments) > 1 else PLOT
    plot.write_text(draw(json.loads(results.read_text("utf-8"))["rows"]), "utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
