"""What the fold decides about an event: accepted, rejected with a reason, or a duplicate."""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple


class Result(IntEnum):
    """What became of an event."""

    ACCEPTED = 1
    REJECTED = 2
    DUPLICATE = 3


class Reason(IntEnum):
    """Why an event was rejected."""

    NONE = 0
    NOT_FOUND = 1
    EXISTS = 2
    CONFLICT = 3
    ILLEGAL_MOVE = 4
    FROZEN = 5
    ERASED = 6
    ERASING = 7
    WRONG_SCOPE = 8
    OTHER_CONTENT = 9
    STALE = 10
    UNDECODABLE = 11


class Outcome(NamedTuple):
    """What the fold decided. `version` is the cube's version afterwards; `digest` the SHA-256 of
    the sealed bytes of a new version; `duplicate_of` the id of the event already folded.
    """

    result: Result
    version: int
    reason: Reason = Reason.NONE
    digest: bytes = b""
    duplicate_of: bytes = b""


UNDECODABLE = Outcome(Result.REJECTED, 0, Reason.UNDECODABLE)
"""The folded outcome of a record that is no event, the same live and in a rebuild."""
