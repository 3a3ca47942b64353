"""Is "nothing relevant" an answer? What `min_score` leaves out, by what it should have.

    python -m benchmarks.nothing --data locomo10.json [--recipe NAME] [--json FILE]

The conversations of `benchmarks.locomo`. Its adversarial questions ask one speaker for what the
other told: nothing there answers them, and every word of them does. A search says nothing where no
hit is as likely as `min_score` to be about what is asked.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import harness, scoring_run
from benchmarks.locomo import CATEGORIES, load
from benchmarks.scoring import Conversation
from memos import Memory

THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
K = 10


class Asked(NamedTuple):
    """A question, whether nothing answers it, and the greatest likelihood of a hit."""

    adversarial: bool
    likeliest: float


def ask(conversations: Sequence[Conversation], recipe: str, embedder: str | None) -> list[Asked]:
    """Take in conversations, and ask every question."""
    asked = []
    with (
        harness.workshop("nothing") as directory,
        Memory(directory / "vault", embedder=embedder) as memory,
    ):
        for each in conversations:
            for session in each.sessions:
                memory.add_conversation(
                    session.turns, scope=f"n/{each.name}", session=session.name, at=session.at
                )
        if embedder:
            memory.embed_pending()
        for each in conversations:
            for question in each.questions:
                hits = memory.search(question.text, scope=f"n/{each.name}", k=K, recipe=recipe)
                likeliest = max((hit.explain["relevance"] for hit in hits), default=0.0)
                asked.append(Asked(question.category == CATEGORIES[5], likeliest))
    return asked


def rows_of(asked: Sequence[Asked]) -> list[dict[str, Any]]:
    """For each threshold how many questions are told nothing, and how many of them rightly."""
    unanswerable = sum(each.adversarial for each in asked)
    rows = []
    for threshold in THRESHOLDS:
        nothing = [each.adversarial for each in asked if each.likeliest < threshold]
        wrong = len(nothing) - sum(nothing)
        rows.append(
            {
                "min_score": threshold,
                "told nothing": len(nothing),
                "precision": round(sum(nothing) / len(nothing), 3) if nothing else None,
                "recall": round(sum(nothing) / unanswerable, 3),
                "answerable told nothing": round(wrong / (len(asked) - unanswerable), 3),
            }
        )
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, keep; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="LoCoMo's JSON file")
    parser.add_argument("--recipe", default="lexical", help="how to search")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    given = parser.parse_args(arguments)
    embedder = scoring_run.embedder_of(given.recipe)
    rows = rows_of(ask(load(given.data.read_bytes()), given.recipe, embedder))
    for row in rows:
        print(" | ".join(f"{name} {value}" for name, value in row.items()))
    if given.json is not None:
        kept = {"benchmark": "nothing", "recipe": given.recipe, "rows": rows}
        given.json.write_text(json.dumps(kept, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
