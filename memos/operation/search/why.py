"""Why a memory was found, in words: the stages that reached it, of what they explain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any


def reasons(explain: Mapping[str, Any]) -> Iterator[str]:
    """What of a hit's explanation brought it into the list, the strongest kind first."""
    slot = explain.get("slot", {})
    if slot.get("current"):
        yield f"it is the current {slot['asked'][1]}"
    phrases = explain.get("phrases", ())
    held = explain.get("phrase", {"held": bool(phrases)})["held"]
    if held and "phrases_not_found" not in explain:
        yield f"it holds {', '.join(map(repr, phrases))}"
    terms = explain.get("terms", ())
    said = [term["term"] for term in terms if term["score"] > 0]
    if said:
        yield f"it has {', '.join(said)}{_meant(explain, said)}"
    beside = [term["term"] for term in terms if term["score"] == 0]
    if beside:
        yield f"what stands beside it has {', '.join(beside)}"
    if explain.get("window", {}).get("near") == 1:
        yield f"it is of {', '.join(explain['window']['named'])}"
    if "standing" in explain:
        yield f"it says what the user {explain['standing']}"
    dense = explain.get("dense", {})
    if dense.get("embedded"):
        yield f"it is near in meaning ({dense['text']:.2f})"
    if "rerank" in explain and "score" in explain["rerank"]:
        yield "the reranker placed it"


def _meant(explain: Mapping[str, Any], said: list[str]) -> str:
    """What was taken for what, of the words that a text has."""
    meant = {word: near for word, near in explain.get("meant", {}).items() if word in said}
    if not meant:
        return ""
    taken = "; ".join(f"{word} taken for {' or '.join(near)}" for word, near in meant.items())
    return f" ({taken})"
