"""Side by side with other memory stores: speed, and what becomes of a memory when things go wrong.

    python -m benchmarks.peers [--full] [--json FILE] [--check]
    python -m benchmarks.peers --data locomo10.json      which finds what was said: peers_retrieval

Same texts, same hashed bag of words as embedder (MemOS searches lexically), no model, no network.
Each question is put to each store in a process and a directory of its own. Needs the extra `bench`.
"""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import peers_retrieval
from benchmarks.harness import (
    Options,
    Report,
    finish,
    p50,
    parse,
    percentile,
    progress,
    workshop,
)
from benchmarks.peers_stores import STORES
from benchmarks.peers_worker import BESIDE, CHANGES, DELETED, THREADS

QUICK = 500
LARGE = 10_000
RETRIED = 20
KILLS = 5
PATIENCE = 1_800.0  # seconds
PACKAGES = ("mem0ai", "qdrant-client", "langgraph", "langgraph-checkpoint-sqlite", "chromadb")


class Failed(Exception):
    """A store could not answer."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Put every question to every store; the exit code."""
    told = sys.argv[1:] if arguments is None else arguments
    if any(each.partition("=")[0] == "--data" for each in told):
        return peers_retrieval.main(told)
    given = parse("peers", __doc__, arguments)
    asked = "--sizes" in told
    sizes = given.sizes if asked else (QUICK, LARGE) if given.full else (QUICK,)
    options = Options(given.name, given.full, given.json, given.check, sizes)
    report = Report()
    lacks: dict[str, list[str]] = {}
    for name in STORES:
        with workshop("peers") as directory:
            _ask_all(report, name, directory, sizes, lacks)
    report.notes.extend(
        f"{name} lacks {', '.join(missing)}." for name, missing in lacks.items() if missing
    )
    report.notes.append(
        f"duplicates: of {RETRIED} writes, each sent twice. lost updates: of {THREADS * CHANGES} "
        f"increments by {THREADS} threads that the store told were done. bytes left: of the "
        f"deleted text's words in any file, after closing. SIGKILL: {KILLS} times amid writes."
    )
    report.notes.append(", ".join(f"{package} {version(package)}" for package in PACKAGES))
    return finish(options, report)


def _ask_all(
    report: Report, name: str, directory: Path, sizes: Sequence[int], lacks: dict[str, list[str]]
) -> None:
    progress(name)
    for size in sizes:
        try:
            told = _ask(name, "latency", _new(directory, f"latency-{size}"), size)
        except Failed as error:
            report.row(store=name, failed=str(error))
            continue
        lacks[name] = told["lacks"]
        searched = told["search"]
        report.row(
            store=name,
            memories=size,
            add_p50_ms=p50(told["add"]),
            add_p95_ms=percentile(told["add"], 0.95),
            search_p50_ms=p50(searched) if searched else None,
            search_p95_ms=percentile(searched, 0.95) if searched else None,
            own_text_found=told["found"],
        )
    store = STORES[name]
    report.row(
        store=name,
        retry_by=store.retry,
        duplicates=_duplicates(report, name, directory),
        bytes_left=_bytes_left(report, name, directory),
        guard=store.guard,
        lost_updates=_lost_updates(report, name, directory),
        lost_after_SIGKILL=_lost_after_kill(report, name, directory),
    )


def _duplicates(report: Report, name: str, directory: Path) -> object:
    try:
        found = _ask(name, "retry", _new(directory, "retry"), RETRIED)["duplicates"]
    except Failed as error:
        return str(error)
    report.figures[f"{name} duplicates"] = float(found)
    return f"{found} of {RETRIED}"


def _bytes_left(report: Report, name: str, directory: Path) -> object:
    kept = _new(directory, "delete")
    try:
        gone = _ask(name, "delete", kept, BESIDE)["gone"]
    except Failed as error:
        return str(error)
    files = [file.read_bytes().lower() for file in kept.rglob("*") if file.is_file()]
    if not files:
        return "no files"
    left = sum(data.count(word.encode()) * len(word) for data in files for word in DELETED.split())
    report.figures[f"{name} bytes left"] = float(left)
    return left if gone else f"{left}, and still readable"


def _lost_updates(report: Report, name: str, directory: Path) -> object:
    try:
        told = _ask(name, "change", _new(directory, "change"), CHANGES)
    except Failed as error:
        return str(error)
    lost = told["told done"] - told["last"]
    report.figures[f"{name} lost updates"] = float(lost)
    refused = f", {len(told['refused'])} refused" if told["refused"] else ""
    return f"{lost} of {told['told done']}{refused}"


def _lost_after_kill(report: Report, name: str, directory: Path) -> object:
    """Kill the writer at random instants; what it had told was written must be there."""
    kept = _new(directory, "kill")
    chance = random.Random(7)
    acknowledged: list[str] = []
    try:
        for number in range(KILLS):
            acknowledged += _write_until_killed(name, kept, number, chance)
            told = _ask(name, "survivors", kept, number, "\n".join(acknowledged))
    except Failed as error:
        return str(error)
    lost = len(told["lost"])
    report.figures[f"{name} lost after SIGKILL"] = float(lost)
    return f"{lost} of {len(acknowledged)}"


def _write_until_killed(name: str, kept: Path, number: int, chance: random.Random) -> list[str]:
    command = _command(name, "write", kept, number)
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        first = child.stdout.readline()
        time.sleep(chance.uniform(0.05, 0.4))
        child.kill()
        written, errors = child.communicate()
    if not first:
        raise Failed(_last_line(errors))
    # The last line may be cut short by the kill: then it was not told.
    whole = (first + written).rpartition("\n")[0]
    return whole.split()


def _ask(name: str, question: str, directory: Path, count: int, told: str = "") -> dict[str, Any]:
    """The answer of one store to one question.

    Raises:
        Failed: it gave none.
    """
    command = _command(name, question, directory, count)
    try:
        done = subprocess.run(
            command, input=told, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"no answer within {PATIENCE:.0f} s") from None
    if done.returncode:
        raise Failed(_last_line(done.stderr) or f"ended with {done.returncode}")
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def _command(name: str, question: str, directory: Path, count: int) -> list[str]:
    worker = "benchmarks.peers_worker"
    return [sys.executable, "-m", worker, name, question, str(directory), str(count)]


def _new(directory: Path, name: str) -> Path:
    path = directory / name
    path.mkdir()
    return path


def _last_line(errors: str) -> str:
    lines = errors.strip().splitlines()
    return f"failed: {lines[-1][:120]}" if lines else "failed"


if __name__ == "__main__":
    sys.exit(main())
