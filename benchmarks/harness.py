"""What the benchmarks share: hardware, timing, tables, targets, arguments."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import apsw
from rich.console import Console
from rich.table import Table

from memos.infrastructure.release import RELEASE

ROOM = Path(__file__).parent
RESULTS = ROOM / "results"
TARGETS = ROOM / "targets.toml"
SIZES = (1_000, 10_000, 100_000)
FULL = 1_000_000

Row = dict[str, Any]


@dataclass(frozen=True)
class Options:
    """What a benchmark was asked for."""

    name: str
    full: bool
    json: Path
    check: bool
    sizes: tuple[int, ...]


@dataclass
class Report:
    """What a benchmark found: rows for the table, and named figures for the targets."""

    rows: list[Row] = field(default_factory=list)
    figures: dict[str, float] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def row(self, **cells: Any) -> None:
        """Add a row; `_` in a column's name shows as a space."""
        self.rows.append({name.replace("_", " "): cell for name, cell in cells.items()})


def parse(name: str, doc: str | None, arguments: Sequence[str] | None = None) -> Options:
    """Read the command line that every benchmark shares."""
    parser = argparse.ArgumentParser(
        prog=f"python -m benchmarks.{name}", description=(doc or "").partition("\n")[0]
    )
    parser.add_argument("--full", action="store_true", help=f"grow to {FULL:,} memories")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    parser.add_argument("--sizes", type=int, nargs="+", help="other sizes, for a trial")
    given = parser.parse_args(arguments)
    kept = RESULTS / f"{name}{'-full' if given.full else ''}.json"
    sizes = tuple(given.sizes or (*SIZES, *((FULL,) if given.full else ())))
    return Options(name, given.full, given.json or kept, given.check, sizes)


def finish(options: Options, report: Report) -> int:
    """Print the table, keep the JSON, check the targets; the exit code."""
    told = [judge(target, report.figures) for target in targets(options.name, full=options.full)]
    kept = {
        "benchmark": options.name,
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "full": options.full,
        "sizes": list(options.sizes),
        "hardware": hardware(),
        "rows": report.rows,
        "figures": report.figures,
        "targets": told,
        "notes": report.notes,
    }
    options.json.parent.mkdir(parents=True, exist_ok=True)
    options.json.write_text(json.dumps(kept, indent=1) + "\n")
    show(kept)
    missed = [each for each in told if not each["met"]]
    for each in missed:
        print(f"MISSED {each['target']}: {each['measured']}")
    return 1 if options.check and missed else 0


def targets(name: str, *, full: bool) -> list[Mapping[str, Any]]:
    """The targets of a benchmark; those of the full run only where it is one."""
    listed: list[Mapping[str, Any]] = tomllib.loads(TARGETS.read_text()).get(name, [])
    return [target for target in listed if full or not target.get("full")]


_BOUNDS: Mapping[str, tuple[str, Callable[[float, float], bool]]] = {
    "at_most": ("≤", lambda measured, bound: measured <= bound),
    "at_least": ("≥", lambda measured, bound: measured >= bound),
    "under": ("<", lambda measured, bound: measured < bound),
    "over": (">", lambda measured, bound: measured > bound),
}


def judge(target: Mapping[str, Any], figures: Mapping[str, float]) -> Row:
    """A target, what was measured, and whether that meets it; what is not measured does not."""
    wanted, measured, met = [], [], False
    for prefix in ("", "or_"):
        name = target.get(f"{prefix}figure")
        if name is None:
            continue
        for bound, (sign, meets) in _BOUNDS.items():
            limit = target.get(prefix + bound)
            if limit is not None:
                figure = figures.get(name)
                wanted.append(f"{name} {sign} {shown(limit)}")
                measured.append("not measured" if figure is None else shown(figure))
                met = met or (figure is not None and meets(figure, limit))
    return {"target": " or ".join(wanted), "measured": " / ".join(measured), "met": met}


def show(kept: Mapping[str, Any]) -> None:
    """Print what a benchmark kept."""
    console = Console(width=None if sys.stdout.isatty() else 160)
    machine = ", ".join(f"{name} {shown(value)}" for name, value in kept["hardware"].items())
    console.print(f"\n[bold]{kept['benchmark']}[/bold]  {kept['date']}  {machine}")
    for heads, cells in tables(kept["rows"]):
        console.print(table_of(heads, cells))
    if kept["targets"]:
        cells = [(t["target"], t["measured"], "met" if t["met"] else "MISSED")
                 for t in kept["targets"]]  # fmt: skip
        console.print(table_of(("target", "measured", ""), cells))
    for note in kept["notes"]:
        console.print(f"[dim]{note}[/dim]")


def tables(rows: Iterable[Row]) -> Iterator[tuple[tuple[str, ...], list[tuple[str, ...]]]]:
    """Rows with the same columns, put together in order: heads and cells as text."""
    grouped: dict[tuple[str, ...], list[tuple[str, ...]]] = {}
    for each in rows:
        grouped.setdefault(tuple(each), []).append(tuple(map(shown, each.values())))
    yield from grouped.items()


def table_of(heads: Sequence[str], cells: Iterable[Sequence[str]]) -> Table:
    """A table as the benchmarks print it."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for number, head in enumerate(heads):
        table.add_column(head, justify="right" if number else "left", overflow="fold")
    for line in cells:
        table.add_row(*line)
    return table


def shown(value: object) -> str:
    """A cell as text: three significant digits are all that a measurement deserves."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return str(value)


def timed(action: Callable[[], object]) -> float:
    """Seconds that an action takes."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def percentile(times: Sequence[float], share: float) -> float:
    """The time that `share` of the times (in seconds) do not exceed, in milliseconds."""
    ordered = sorted(times)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1e3


def p50(times: Sequence[float]) -> float:
    """Median of times in seconds, in milliseconds."""
    return statistics.median(times) * 1e3


@contextmanager
def workshop(prefix: str) -> Iterator[Path]:
    """A directory that is gone afterwards. TMPDIR says on which disk; not in memory, please."""
    directory = Path(tempfile.mkdtemp(prefix=f"memos-{prefix}-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory)


def progress(told: str) -> None:
    """Say on stderr what is being done."""
    print(f"  … {told}", file=sys.stderr, flush=True)


def hardware() -> Row:
    """What the figures were measured on."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory GiB": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "sqlite": apsw.sqlite_lib_version(),
        "memos": RELEASE,
        "fsync p50 ms": round(p50(_fsyncs()), 3),
    }


def _cpu() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor()


def _fsyncs(count: int = 100) -> list[float]:
    """Times of appending a page to a file and syncing it, where the benchmarks keep their vaults."""
    with tempfile.TemporaryFile(buffering=0) as file:
        times = []
        for _ in range(count):
            file.write(b"\x5a" * 4096)
            times.append(timed(lambda: os.fsync(file.fileno())))
    return times
