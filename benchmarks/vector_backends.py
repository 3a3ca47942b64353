"""Which engine should hold the vectors?

    python -m benchmarks.vector_backends [--sizes N ...] [--json FILE] [--check]

Every engine gets the same vectors, one a text, of 384 dimensions, clustered as those of texts are,
in 100 scopes. Searches want the ten nearest among all, among those of ten scopes (10 %), and of one
(1 %); recall is against exact search. MemOS compares a text's sentences too (2.6 a text): its own
row says what that costs. Each engine runs in a process of its own. Needs the extra `bench`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from importlib.metadata import version
from typing import Any

from benchmarks.harness import Report, finish, p50, parse, percentile, progress, workshop
from benchmarks.vector_candidates import (
    CANDIDATES,
    CONNECTIVITY,
    EXPANSION_ADD,
    EXPANSION_SEARCH,
    PROBES,
    MilvusLite,
)
from benchmarks.vector_worker import ADDED, MEMOS, QUERIES, ROUNDS

SIZES = (10_000, 20_000, 100_000)
LARGEST = {MilvusLite.name: 20_000}
"""Beyond these an engine takes more minutes than there is to learn from it."""
PATIENCE = 1_800.0  # seconds
MIB = 2**20
PACKAGES = ("numpy", "usearch", "faiss-cpu", "milvus-lite", "pymilvus")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure every engine at every size; the exit code."""
    given = parse("vector_backends", __doc__, arguments)
    asked = "--sizes" in (sys.argv if arguments is None else arguments)
    options = given if asked else replace(given, sizes=SIZES)
    report = Report()
    loads = []
    for size in options.sizes:
        for name in (*CANDIDATES, MEMOS):
            if size <= LARGEST.get(name, size):
                progress(f"{name}, {size:,} texts")
                answer = _ask(name, size)
                loads.append(answer["load"])
                _tell(report, name, size, answer)
    report.notes.append(
        f"recall: @10. ms: p50 / p95 of {QUERIES} queries, each the median of {ROUNDS}, one thread; builds use "
        f"all cores where the engine lets them. add ms: median of {ADDED}, found from then on. "
        f"HNSW: {CONNECTIVITY} links, {EXPANSION_ADD} candidates to add, {EXPANSION_SEARCH} to "
        f"search; IVF: {PROBES} lists of the root of n. usearch has no filter in Python and "
        "is asked for more until enough are left. Disk: numpy's rows as float16, as MemOS keeps them."
    )
    report.notes.append(
        f"Load of the machine, which others used too, in the minute before each engine ended: "
        f"{min(loads):.1f} to {max(loads):.1f}."
    )
    report.notes.append(", ".join(f"{package} {version(package)}" for package in PACKAGES))
    return finish(options, report)


def _tell(report: Report, name: str, size: int, answer: dict[str, Any]) -> None:
    cells: dict[str, Any] = {}
    for share, found in answer["searches"].items():
        percent = f"{100 * float(share):g} %"
        times, recall = found["times"], found["recall"]
        cells[f"recall {percent}"] = None if recall is None else f"{recall:.3f}"
        cells[f"ms {percent}"] = f"{p50(times):.3g} / {percentile(times, 0.95):.3g}"
        if recall is not None:
            report.figures[f"{name}: recall@10, {percent} of {size:,}"] = recall
        report.figures[f"{name}: p50 ms, {percent} of {size:,}"] = p50(times)
    report.row(
        engine=name,
        texts=size,
        **cells,
        build_s=answer["build s"],
        add_ms=answer["add ms"],
        disk_MiB=None if answer["disk"] is None else answer["disk"] / MIB,
        resident_MiB=answer["resident"] / MIB,
    )


def _ask(name: str, size: int) -> dict[str, Any]:
    with workshop("vectors") as directory:
        command = [sys.executable, "-m", "benchmarks.vector_worker", name, str(size)]
        done = subprocess.run(
            [*command, str(directory)],
            stdout=subprocess.PIPE,
            text=True,
            timeout=PATIENCE,
            check=True,
        )
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


if __name__ == "__main__":
    sys.exit(main())
