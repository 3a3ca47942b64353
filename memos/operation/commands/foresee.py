"""What cubes would make of an operation, asked of the fold before anything is appended."""

from __future__ import annotations

from collections.abc import Iterable

from memos.kernel.consequences import consequences_of
from memos.kernel.cube import CubeState
from memos.kernel.fold import fold
from memos.kernel.outcome import Reason, Result
from memos.wire.event_pb2 import Event


def foreseen_refusals(event: Event, states: Iterable[CubeState]) -> dict[bytes, Reason]:
    """The cubes at which what follows from an operation would be rejected, and why.

    Args:
        event: the operation, as it is to be appended.
        states: the heads of the cubes that it is to change.
    """
    heads = {state.cube_id: state for state in states}
    refused = {}
    for follower in consequences_of(event):
        _, outcome, _ = fold(heads.get(follower.cube_id), follower)
        if outcome.result is Result.REJECTED:
            refused[follower.cube_id] = outcome.reason
    return refused
