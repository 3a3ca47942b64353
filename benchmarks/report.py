"""Write the tables of docs/performance.md from benchmarks/results, so that no figure is typed in.

python -m benchmarks.report [--check]
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.__main__ import ENGINES, NAMES
from benchmarks.harness import RESULTS, ROOM, shown, tables
from benchmarks.peers_retrieval import NAME as RETRIEVAL

PAGE = ROOM.parent / "docs" / "performance.md"
START = "<!-- figures: written by `python -m benchmarks.report` -->"
END = "<!-- end of figures -->"


def main() -> int:
    """Fill the page; with --check, only tell whether it is as it would be written."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.report", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--check", action="store_true", help="exit with 1 when it is out of date")
    given = parser.parse_args()
    old = PAGE.read_text()
    before, _, rest = old.partition(START)
    _, _, after = rest.partition(END)
    new = f"{before}{START}\n\n{figures()}\n{END}{after}"
    if given.check:
        return int(new != old)
    PAGE.write_text(new)
    return 0


def figures() -> str:
    """The tables of every benchmark that was run, in Markdown; the full run where there is one."""
    return "\n".join(line for name in (*NAMES, RETRIEVAL, ENGINES) for line in _section(name))


def _section(name: str) -> Iterator[str]:
    path = _result(name)
    yield f"### `{name}`\n"
    if path is None:
        yield f"Not yet run: `python -m benchmarks.{name}`.\n"
        return
    kept: dict[str, Any] = json.loads(path.read_text())
    when = f"{kept['date'][:10]}, " if "date" in kept else ""
    machine = ", ".join(f"{key} {shown(value)}" for key, value in kept["hardware"].items())
    yield f"{when}{machine}.\n"
    for heads, cells in tables(kept["rows"]):
        yield from _table(heads, cells)
    if kept.get("targets"):
        judged = (
            (each["target"], each["measured"], "met" if each["met"] else "**missed**")
            for each in kept["targets"]
        )
        yield from _table(("target", "measured", ""), judged)
    for note in kept.get("notes", ()):
        yield f"{note}\n"


def _result(name: str) -> Path | None:
    for path in (RESULTS / f"{name}-full.json", RESULTS / f"{name}.json"):
        if path.exists():
            return path
    return None


def _table(heads: Sequence[str], cells: Iterable[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"|{'|'.join(['---', *['---:'] * (len(heads) - 1)])}|"
    for line in cells:
        yield f"| {' | '.join(cell.replace('|', '/') for cell in line)} |"
    yield ""


if __name__ == "__main__":
    sys.exit(main())
