"""Candidates as a policy sees them, made by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from memos.kernel.cube import Form
from memos.operation.scheduler.port import Candidate, Snapshot, Use


def candidate(name: str, uses: Sequence[int] = (), **fields: Any) -> Candidate:
    """A memory of 100 bytes and 10 ms, used by these accesses, one a second."""
    plain: dict[str, Any] = {
        "version": 1,
        "content_version": 1,
        "tokens": 10,
        "bytes": 100,
        "milliseconds": 10.0,
        "uses": len(uses),
        "recent": tuple(Use(access, access * 1_000_000) for access in sorted(uses, reverse=True)),
    }
    return Candidate(cube_id=name, **{**plain, **fields})


def snapshot(*candidates: Candidate, accesses: int = 100) -> Snapshot:
    """These memories, in id order."""
    return Snapshot(sorted(candidates, key=lambda each: each.cube_id), accesses)


ACTIVATION, PARAMETRIC, PLAINTEXT = Form.ACTIVATION, Form.PARAMETRIC, Form.PLAINTEXT
