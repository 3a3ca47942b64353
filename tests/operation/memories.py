"""Memories as a reader opens them, made by hand."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from memos.kernel.event import Position
from memos.operation.cube import MemCube


def memory(text: str, metadata: dict[str, Any] | None = None, **fields: Any) -> MemCube:
    """A memory of a text; every field that is not given has its plainest value."""
    at = datetime(2023, 5, 8, tzinfo=UTC)
    plain: dict[str, Any] = {
        **dict.fromkeys(["cube_id", "source", "origin", "semantic_type"], ""),
        **dict.fromkeys(["owner", "sensitivity", "purpose"], ""),
        **dict.fromkeys(["tags", "readers", "writers"], ()),
        **dict.fromkeys(["valid_from", "valid_until", "lifespan"]),
        **dict.fromkeys(["created", "changed"], at),
        "version": 1,
        "state": "Generated",
        "scope": "acme",
        "media_type": "text/plain",
        "priority": 0,
        "position": Position(0, 0),
    }
    return MemCube(text=text, metadata=metadata or {}, **{**plain, **fields})
