"""Print the way of one warm call on an embedded vault.

python -m tests.trace add|search|erase [--json] [--lines]

The figures (functions, files, rooms, switches) and the climbs, each with who called it. The
package that is traced is the `memos` that Python imports.
"""

# ruff: noqa: T201 - a terminal program prints

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from typing import Any

from tests.trace.calls import CALLS, PACKAGE, way_of
from tests.trace.way import Way


def main(arguments: Sequence[str] | None = None) -> int:
    """Trace what the command line names."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.trace", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("call", choices=CALLS)
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--lines", action="store_true", help="print every call too")
    given = parser.parse_args(arguments)
    way = way_of(given.call)
    if given.json:
        print(json.dumps(_as_json(given.call, way, lines=given.lines), indent=1))
    else:
        _show(given.call, way, lines=given.lines)
    return 0


def _as_json(name: str, way: Way, *, lines: bool) -> dict[str, Any]:
    report: dict[str, Any] = {"call": name, "package": str(PACKAGE), "figures": way.figures()}
    report["files"] = sorted(way.files)
    report["rooms"] = sorted(way.rooms)
    report["climbs"] = [
        {"caller": str(climb.caller), "callee": str(climb.callee), "times": times}
        for climb, times in way.climbs.items()
    ]
    if lines:
        report["calls"] = [[call.depth, str(call.function)] for call in way.calls]
    return report


def _show(name: str, way: Way, *, lines: bool) -> None:
    if lines:
        for call in way.calls:
            print(f"{'  ' * call.depth}{call.function}")
    print(f"one warm {name} in {PACKAGE}:")
    for figure, count in way.figures().items():
        print(f"{count:6,} {figure}")
    print(f"rooms: {', '.join(sorted(way.rooms))}")
    for climb, times in way.climbs.items():
        print(f"climb: {climb.caller} -> {climb.callee} ({times} times)")


if __name__ == "__main__":
    sys.exit(main())
