"""Changes each line of the kernel, and counts the changes that its tests notice.

python -m tests.mutants [--check]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

STATS = Path("mutants") / "mutmut-cicd-stats.json"
WANTED = 0.95
"""Of all changes, those that a test notices."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help=f"fail below {WANTED:.0%}")
    given = parser.parse_args()
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
