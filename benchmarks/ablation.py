"""What is each stage of search worth? Recall@10 by category, with one stage changed at a time.

    python -m benchmarks.ablation --data locomo10.json [--conversations 0,1] [--json FILE]

The conversations of `benchmarks.locomo` are taken in once; then every variant of the recipes asks
every question. Variants are told in VARIANTS; `benchmarks.ablation_plot` draws what is kept.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import harness
from benchmarks.locomo import GROUPS, load, numbers
from benchmarks.scoring import Conversation, Judged, judge, means
from memos import Memory
from memos.infrastructure.index.models.embedders.minilm import MiniLM
from memos.infrastructure.index.models.embedders.port import Vectors
from memos.operation.search.recipe import BM25, HYBRID, LEXICAL, RECIPES, Recipe

K = 10

_NO_NEIGHBOURS: Mapping[str, Any] = {"near": 0.0, "far": 0.0}
LEXICAL_CHANGES: Mapping[str, Mapping[str, Any]] = {
    "– neighbours (reply kept)": _NO_NEIGHBOURS,
    "– reply": {"reply": 0.0},
    "– both": {**_NO_NEIGHBOURS, "reply": 0.0},
    "– session": {"session": 0.0},
    "– speaker": {"speaker": 0.0},
    "– question factor": {"question": 1.0},
    "– informativeness": {"length": 0.0},
    "– windows in time": {"window": 0.0},
    "– kind of answer": {"answer": 0.0},
    "– quoted phrases": {"phrase": 0.0},
}
HYBRID_CHANGES: Mapping[str, Mapping[str, Any]] = {
    "– neighbours of meaning": {"dense_near": 0.0},
    "– speaker bonus of meaning": {"dense_speaker": 0.0},
    "– question malus of meaning": {"dense_question": 0.0},
    "– lexical context and session": {**_NO_NEIGHBOURS, "reply": 0.0, "session": 0.0},
    "– windows in time": {"window": 0.0},
    "– kind of answer": {"answer": 0.0},
    "dense weight 1 instead of 1.25": {"dense": 1.0},
    "dense weight 1.5 instead of 1.25": {"dense": 1.5},
}


def variants() -> list[tuple[str, Recipe]]:
    """Names as the table has them, and recipes."""
    made = [("bm25", BM25), ("lexical", LEXICAL)]
    made += [(name, replace(LEXICAL, **change)) for name, change in LEXICAL_CHANGES.items()]
    made.append(("hybrid", HYBRID))
    made += [(name, replace(HYBRID, **change)) for name, change in HYBRID_CHANGES.items()]
    return made


class Remembering:
    """An embedder that encodes a text once: every variant asks the same questions."""

    def __init__(self) -> None:
        self._model = MiniLM()
        self.name, self.digest = self._model.name, self._model.digest
        self.dimensions = self._model.dimensions
        self._known: dict[str, Vectors] = {}

    def embed(self, texts: Sequence[str]) -> Vectors:
        new = [text for text in dict.fromkeys(texts) if text not in self._known]
        if new:
            self._known |= zip(new, self._model.embed(new), strict=True)
        return np.stack([self._known[text] for text in texts])


def run(conversations: Sequence[Conversation]) -> list[dict[str, Any]]:
    """One row a variant: recall@10 by group of categories."""
    rows = []
    with (
        harness.workshop("ablation") as directory,
        Memory(directory / "vault", embedder=Remembering()) as memory,
    ):
        for each in conversations:
            for session in each.sessions:
                memory.add_conversation(
                    session.turns, scope=f"a/{each.name}", session=session.name, at=session.at
                )
        harness.progress("embedding")
        memory.embed_pending()
        for name, recipe in variants():
            harness.progress(f"{recipe.name}: {name}")
            judged = _judge(memory, conversations, recipe)
            rows.append({"recipe": recipe.name, "variant": name, **_by_group(judged)})
    return rows


def _judge(memory: Memory, conversations: Sequence[Conversation], recipe: Recipe) -> list[Judged]:
    RECIPES["variant"] = recipe
    try:
        return [
            judge(
                each.name,
                question,
                (
                    str(hit.metadata["id"])
                    for hit in memory.search(
                        question.text, scope=f"a/{each.name}", k=K, recipe="variant"
                    )
                ),
            )
            for each in conversations
            for question in each.questions
        ]
    finally:
        del RECIPES["variant"]


def _by_group(judged: Sequence[Judged]) -> dict[str, float]:
    found = {}
    for group, categories in GROUPS.items():
        wanted = set(categories)
        chosen = [one for one in judged if one.category in wanted]
        if chosen:
            found[group] = round(means(chosen)[f"recall@{K}"], 4)
    return found


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, keep; the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="LoCoMo's JSON file")
    parser.add_argument("--conversations", type=numbers, help="only these, by number: 0,1")
    parser.add_argument("--json", type=Path, help="keep the figures in this file")
    given = parser.parse_args(arguments)
    data = given.data.read_bytes()
    conversations = load(data)
    if given.conversations is not None:
        conversations = [conversations[number] for number in given.conversations]
    rows = run(conversations)
    for row in rows:
        print(" | ".join(str(value) for value in row.values()))
    if given.json is not None:
        kept = {
            "benchmark": "ablation",
            "conversations": [each.name for each in conversations],
            "data sha256": hashlib.sha256(data).hexdigest(),
            "rows": rows,
        }
        given.json.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
