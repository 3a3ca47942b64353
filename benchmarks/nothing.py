"""Is "nothing relevant" an answer? What `min_score` leaves out, by what it should have.

    python -m benchmarks.nothing --data locomo10.json [--recipe NAME] [--embedder NAME] [--json FILE]

The conversations of `benchmarks.locomo`, whose questions are asked in their own and, as foreign ones,
in the next conversation, which knows nothing of them. Adversarial questions ask one speaker for what
the other told: nothing there answers them, though it has all their words. A search says nothing
where no hit is as likely as `min_score` to be about what is asked.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import harness, scoring_run
from benchmarks.locomo import CATEGORIES, load
from benchmarks.scoring import Conversation
from memos import Hit, Memory

THRESHOLDS = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8)
K = 10


ADVERSARIAL, FOREIGN, ANSWERED = "adversarial", "foreign", "answered"


class Asked(NamedTuple):
    """A question: ADVERSARIAL, FOREIGN, or ANSWERED by a hit; and the greatest likelihood of one."""

    kind: str
    likeliest: float


def ask(conversations: Sequence[Conversation], recipe: str, embedder: str | None) -> list[Asked]:
    """Take in conversations, and ask every question in its own and in the next one."""
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
        for number, each in enumerate(conversations):
            following = conversations[(number + 1) % len(conversations)]
            for question in each.questions:
                hits = memory.search(question.text, scope=f"n/{each.name}", k=K, recipe=recipe)
                elsewhere = memory.search(
                    question.text, scope=f"n/{following.name}", k=K, recipe=recipe
                )
                if question.category == CATEGORIES[5]:
                    asked.append(Asked(ADVERSARIAL, _likeliest(hits)))
                elif any(hit.metadata["id"] in question.gold for hit in hits):
                    asked.append(Asked(ANSWERED, _likeliest(hits)))
                asked.append(Asked(FOREIGN, _likeliest(elsewhere)))
    return asked


def _likeliest(hits: Iterable[Hit]) -> float:
    return max((float(hit.explain["relevance"]) for hit in hits), default=0.0)


def rows_of(asked: Sequence[Asked]) -> list[dict[str, Any]]:
    """For each threshold how many of each kind are told nothing, and how much of that is right:
    precision beside the questions that a hit answers.
    """
    rows = []
    for threshold in THRESHOLDS:
        told = Counter(each.kind for each in asked if each.likeliest < threshold)
        every = Counter(each.kind for each in asked)
        row: dict[str, Any] = {"min_score": threshold}
        for kind in (FOREIGN, ADVERSARIAL):
            both = told[kind] + told[ANSWERED]
            row[f"{kind} precision"] = round(told[kind] / both, 3) if both else None
            row[f"{kind} recall"] = round(told[kind] / max(every[kind], 1), 3)
        row["answered told nothing"] = round(told[ANSWERED] / max(every[ANSWERED], 1), 3)
        rows.append(row)
    return rows


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, keep; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="LoCoMo's JSON file")
    parser.add_argument("--recipe", default="lexical", help="how to search")
    parser.add_argument("--embedder", default="minilm", help="the model of recipes with meaning")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    given = parser.parse_args(arguments)
    embedder = scoring_run.embedder_of(given.recipe, given.embedder)
    rows = rows_of(ask(load(given.data.read_bytes()), given.recipe, embedder))
    for row in rows:
        print(" | ".join(f"{name} {value}" for name, value in row.items()))
    if given.json is not None:
        kept = {"benchmark": "nothing", "recipe": given.recipe, "rows": rows}
        given.json.write_text(json.dumps(kept, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
