"""Changes each line of the kernel, and counts the changes that its tests notice.

python -m tests.mutants [--check]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tomllib
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

STATS = Path("mutants") / "mutmut-cicd-stats.json"
WANTED = 0.95
"""Of all changes, those that a test notices."""


class _Ids:
    """The ids of the tests that pytest collects."""

    def __init__(self) -> None:
        self.ids: list[str] = []

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        self.ids = [item.nodeid for item in items]


def _check_ids() -> None:
    """Each test is found by its id once more in one process, as mutmut asks for it. An id with a
    backslash that a function made is another the second time: pytest then refuses the whole call,
    and mutmut takes that for a change that was noticed.
    """
    settings = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["mutmut"]
    collect = ["--collect-only", "-qqq", *settings["pytest_add_cli_args"]]
    found = _Ids()
    with redirect_stdout(StringIO()):
        pytest.main([*collect, *settings["pytest_add_cli_args_test_selection"]], plugins=[found])
        code = pytest.main([*collect, *found.ids])
    if code:
        raise SystemExit("these tests need ids of plain letters")


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help=f"fail below {WANTED:.0%}")
    given = parser.parse_args()
    _check_ids()
    mutmut = [sys.executable, "-m", "mutmut"]
    subprocess.run([*mutmut, "run"], check=True)
    subprocess.run([*mutmut, "export-cicd-stats"], check=True)
    survivors = subprocess.run([*mutmut, "results"], check=True, capture_output=True, text=True)
    stats = json.loads(STATS.read_text())
    total = stats["total"] - stats["skipped"]
    noticed = stats["killed"] + stats["timeout"]
    score = noticed / total
    print(survivors.stdout)  # noqa: T201 - what it is run for
    print(f"{noticed} of {total} changes were noticed: {score:.1%}")  # noqa: T201
    return int(given.check and score < WANTED)


if __name__ == "__main__":
    sys.exit(main())
