"""Try every door as three actors of two tenants, and print what they got by it.

python -m tests.adversary [--steps 50000] [--seed 1] [--vault PATH]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.adversary.adversary import Adversary
from tests.adversary.judge import Verdict
from tests.machine import machine

LONG = 50_000
RESULT = Path(__file__).parents[2] / "benchmarks" / "results" / "adversary.json"
"""What a run of so many steps found is kept."""


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--steps", type=int, default=LONG)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--compare-every", type=int, default=1_000)
    parser.add_argument("--vault", type=Path, help="a new vault, or its settings file")
    given = parser.parse_args()
    if min(given.steps, given.compare_every) < 1:
        parser.error("--steps and --compare-every take 1 or more")
    with tempfile.TemporaryDirectory() as directory:
        path = given.vault or Path(directory) / "tried.vault"
        began = time.monotonic()

        def tell(verdict: Verdict) -> None:
            found = verdict.leaks + verdict.unauthorised + verdict.lost + verdict.broken
            seconds = time.monotonic() - began
            sys.stderr.write(
                f"{verdict.steps:,} of {given.steps:,} steps in {seconds:.0f} s; {len(found)} found\n"
            )

        adversary = Adversary(path, given.seed, compare_every=given.compare_every, tell=tell)
        verdict = adversary.run(given.steps)
    told = json.dumps(summary(verdict, given.seed, time.monotonic() - began), indent=1)
    sys.stdout.write(f"{told}\n")
    if given.steps >= LONG:
        RESULT.write_text(f"{told}\n")
    return 0 if verdict.ok else 1


def summary(verdict: Verdict, seed: int, seconds: float) -> dict[str, Any]:
    """The figures of a run, and its first findings in words."""
    return {
        "ok": verdict.ok,
        "steps": verdict.steps,
        "seed": seed,
        "seconds": round(seconds, 1),
        "done": dict(verdict.done.most_common()),
        "refused": dict(verdict.refused.most_common()),
        "interrupted": verdict.interrupted,
        "digests_compared": verdict.compared,
        "leaks": verdict.leaks[:20],
        "unauthorised": verdict.unauthorised[:20],
        "lost": verdict.lost[:20],
        "broken": verdict.broken[:20],
        "machine": machine(),
    }


if __name__ == "__main__":
    sys.exit(main())
