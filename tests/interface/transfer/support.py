"""A history to be moved."""

from __future__ import annotations

import pytest

from memos import Memory, NotFound

SCOPE = "acme/alice/chat"


def fill(memory: Memory) -> dict[str, str]:
    """A history with every kind of turn; the ids of its memories by name."""
    moved = memory.add(
        "Caroline moved from Sweden.",
        scope=SCOPE,
        source="conversation:26/D4:3",
        subject="caroline",
        valid_from="2023-05-08T13:56:00Z",
        tags=["household"],
        metadata={"speaker": "Caroline"},
    )
    pots, runs = memory.add_many(
        [
            {"text": "She likes pottery.", "scope": SCOPE, "source": "web:blog/7"},
            {"text": "彼は夜明けに走る。 half a pair: \ud83d", "scope": "acme/bob"},
        ]
    )
    memory.name_cut("before-corrections")
    memory.update(moved.cube_id, "Caroline moved from Norway.", source="web:blog/8")
    merged = memory.merge([pots.cube_id, runs.cube_id], scope=SCOPE)
    secret = memory.add("The safe opens with nightingale.", scope=SCOPE, subject="safe")
    memory.erase(subject="safe")
    memory.archive(moved.cube_id)
    memory.restore(moved.cube_id)
    with pytest.raises(NotFound):
        memory.get("00000000-0000-7000-8000-000000000000")
    memory.search("pottery", scope="acme")
    return {
        "moved": moved.cube_id,
        "pots": pots.cube_id,
        "runs": runs.cube_id,
        "merged": merged.cube_id,
        "secret": secret.cube_id,
    }
