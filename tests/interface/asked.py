"""A conversation to be asked about, and how often a memory was used."""

from __future__ import annotations

from pathlib import Path

from memos import MemCube, Memory, Receipt

SCOPE = "acme/alice"


def talk(memory: Memory, scope: str = f"{SCOPE}/c1") -> list[Receipt]:
    turns = [
        {"speaker": "Mel", "text": "Which violin did you buy?"},
        {"speaker": "Caroline", "text": "The copper one."},
        {"speaker": "Mel", "text": "Lovely, and the lantern?"},
        {"speaker": "Caroline", "text": "Later this summer."},
    ]
    return memory.add_conversation(turns, scope=scope, session="1", at="2023-05-08T13:56:00Z")


def uses(vault: Path, cube_id: str) -> int:
    with Memory(vault, actor="agent:alice") as memory:
        cube = memory.get(cube_id)
    assert isinstance(cube, MemCube)
    return cube.uses
