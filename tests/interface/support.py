"""A vault to be damaged, and what damages it."""

from __future__ import annotations

from pathlib import Path

import apsw

from memos import MemCube, Memory

COUNT = 30
"""Memories in the vault that tests damage."""


def damage(vault: Path, sql: str, *values: object, file: str = "memos.db") -> None:
    """Change a file as no user of the API could; its triggers are there again after."""
    connection = apsw.Connection(str(vault / file))
    guards = list(connection.execute("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'"))
    for name, _ in guards:
        connection.execute(f"DROP TRIGGER {name}")
    connection.execute(sql, values)
    for _, guard in guards:
        connection.execute(str(guard))
    connection.close()


def flipped(data: bytes, at: int) -> bytes:
    changed = bytearray(data)
    changed[at] ^= 1
    return bytes(changed)


def stored(vault: Path, sql: str, *values: object) -> bytes:
    connection = apsw.Connection(str(vault / "memos.db"))
    found = next(connection.execute(sql, values))[0]
    connection.close()
    assert isinstance(found, bytes)
    return found


def opened(vault: Path) -> Memory:
    return Memory(vault, actor="agent:alice", create=False)


def text_of(memory: Memory, cube_id: str) -> str:
    cube = memory.get(cube_id)
    assert isinstance(cube, MemCube)
    return cube.text
