"""A folded record: what a worker hands to a vault that lives behind the log."""

from __future__ import annotations

from typing import NamedTuple

from memos.kernel.cube import CubeState
from memos.kernel.event import Record
from memos.kernel.outcome import Outcome
from memos.wire.event_pb2 import Event


class Folded(NamedTuple):
    """One record and what the fold made of it.

    `event` is None where the record is no event. `state` is the cube afterwards, None where there
    is none, and `stored` its bytes. `caused` are the ids of the events that follow from it on other
    cubes.
    """

    record: Record
    ordinal: int
    event: Event | None
    state: CubeState | None
    stored: bytes | None
    outcome: Outcome
    caused: tuple[bytes, ...] = ()
