"""Draw what `benchmarks.ablation` kept, as one SVG: what leaving a stage out costs each category.

python -m benchmarks.ablation_plot [RESULTS.json] [PLOT.svg]
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

RESULTS = Path(__file__).parent / "results" / "ablation.json"
PLOT = Path(__file__).parents[1] / "docs" / "retrieval-ablation.svg"

SHOWN = {
    "1-4": "#1f2937",
    "multi-hop": "#2563eb",
    "temporal": "#059669",
    "open-domain": "#d97706",
    "single-hop": "#7c3aed",
    "adversarial": "#dc2626",
}
_LABEL, _HALF, _BAR, _GAP, _TOP = 250, 300, 6, 10, 70
_MOST = 0.20
"""The change in recall at which a bar ends."""


def draw(rows: list[dict[str, Any]]) -> str:
    """The plot: one group of bars a variant, each the change against its recipe as it is."""
    middle = _LABEL + _HALF
    parts: list[str] = []
    y = _TOP
    whole = {row["recipe"]: row for row in rows if row["variant"] == row["recipe"]}
    for row in rows:
        base = whole[row["recipe"]]
        if row is base:
            if row["recipe"] != "bm25":
                y += 14
                told = f"{row['recipe']}: recall@10 {base['1-4']:.3f}"
                parts.append(_text(_LABEL - 8, y, told, anchor="end", weight="bold"))
                y += 12
            continue
        height = _BAR * len(SHOWN)
        parts.append(_text(_LABEL - 8, y + height / 2 + 4, row["variant"], anchor="end"))
        for number, (group, colour) in enumerate(SHOWN.items()):
            change = max(-_MOST, min(_MOST, row[group] - base[group]))
            width = abs(change) / _MOST * _HALF
            left = middle - width if change < 0 else middle
            parts.append(
                f'<rect x="{left:.1f}" y="{y + number * _BAR}" width="{width:.1f}" '
                f'height="{_BAR - 1}" fill="{colour}"/>'
            )
        y += height + _GAP
    legend = "".join(
        f'<rect x="{_LABEL + 100 * n}" y="30" width="10" height="10" fill="{colour}"/>'
        + _text(_LABEL + 100 * n + 14, 39, group)
        for n, (group, colour) in enumerate(SHOWN.items())
    )
    axis = "".join(
        f'<line x1="{middle + _HALF * at / _MOST:.0f}" x2="{middle + _HALF * at / _MOST:.0f}" '
        f'y1="{_TOP - 8}" y2="{y}" stroke="#d1d5db"/>'
        + _text(middle + _HALF * at / _MOST, _TOP - 12, f"{at:+.2f}", anchor="middle")
        for at in (-0.2, -0.1, 0.0, 0.1, 0.2)
    )
    width = middle + _HALF + 20
    title = _text(12, 20, "Change in turn-level recall@10 when one stage is changed", weight="bold")
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {y + 10}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>'
        f"{title}{legend}{axis}{''.join(parts)}</svg>\n"
    )


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
