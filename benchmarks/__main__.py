"""Every benchmark in its quick form, one after another, each in a process of its own.

python -m benchmarks [--full] [--check]
"""

from __future__ import annotations

import argparse
import subprocess
import sys

from benchmarks.harness import RESULTS

NAMES = (
    "writes",
    "reads",
    "hybrid_reads",
    "folding",
    "http",
    "proxy",
    "peers",
    "vector_backends",
    "context_cache",
    "kv_pool",
    "kv_ttft",
    "kv_memoryos",
    "adapter_serving",
    "scheduler",
    "continual",
    "hosts",
)
ENGINES = "lexical_engines"
"""Why the index is what it is: a comparison without targets."""


def main() -> int:
    """Run them all; 1 where one of them failed or, with --check, missed a target."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--full", action="store_true", help="grow to 1,000,000 memories: hours")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    given = parser.parse_args()
    full = ["--full"] if given.full else []
    check = ["--check"] if given.check else []
    kept = RESULTS / f"{ENGINES}{'-full' if given.full else ''}.json"
    failed = [name for name in NAMES if _run(name, *full, *check)]
    if _run(ENGINES, *full, "--json", str(kept)):
        failed.append(ENGINES)
    if failed:
        print(f"failed: {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


def _run(name: str, *arguments: str) -> int:
    print(f"python -m benchmarks.{name} {' '.join(arguments)}", file=sys.stderr, flush=True)
    command = [sys.executable, "-m", f"benchmarks.{name}", *arguments]
    return subprocess.run(command, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
