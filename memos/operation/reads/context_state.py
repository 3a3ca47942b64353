"""Where a conversation's context stands: what its pinned block holds, and what was sent before.

Opaque to callers; it names memories and holds none of their texts.
"""

from __future__ import annotations

from typing import NamedTuple, Self

from memos.kernel.errors import InvalidInput, shorten
from memos.operation.reads.opaque_token import pack_token, unpack_token
from memos.operation.validation import check_id

_VERSION = 1
MOST_USED = 500
"""How many memories are remembered to have been found; those found most often are."""

CubeVersion = tuple[str, int]


class ContextState(NamedTuple):
    """What one turn leaves to the next one.

    Attributes:
        asked: a digest of what the contexts are of: scopes, filter, moment.
        pinned: the memories of the pinned block, at their versions, in its order.
        standing: every memory that was tagged to stand in it when it was last composed.
        used: in how many turns each memory was found, in the order of first use.
        sent: the memories of the deltas that stand in the history, at their versions.
        sent_tokens: how many tokens those deltas have.
    """

    asked: str
    pinned: tuple[CubeVersion, ...] = ()
    standing: tuple[str, ...] = ()
    used: tuple[tuple[str, int], ...] = ()
    sent: tuple[CubeVersion, ...] = ()
    sent_tokens: int = 0

    def __str__(self) -> str:
        return pack_token(_VERSION, self)

    @classmethod
    def parse(cls, text: object, asked: str) -> Self:
        """The state that a turn gave.

        Raises:
            InvalidInput: it is none, or of a context of something else.
        """
        state = cls._read(text)
        if state is None:
            raise InvalidInput(
                f"{shorten(text)} is no state of a context: pass the one that the last turn gave, as it is"
            )
        if state.asked != asked:
            raise InvalidInput(
                "the state is of another context: pass the same scope=, filter= and as_of= as for the "
                "turns before, or no state to begin anew"
            )
        return state

    @classmethod
    def sent_by(cls, text: object) -> tuple[CubeVersion, ...] | None:
        """What the deltas before a state had; None where it is no state."""
        state = cls._read(text)
        return None if state is None else state.sent

    @classmethod
    def _read(cls, text: object) -> Self | None:
        try:
            asked, pinned, standing, used, sent, sent_tokens = unpack_token(text, _VERSION)
            state = cls(
                asked,
                tuple((_id(cube_id), _count(number)) for cube_id, number in pinned),
                tuple(map(_id, standing)),
                tuple((_id(cube_id), _count(times)) for cube_id, times in used),
                tuple((_id(cube_id), _count(number)) for cube_id, number in sent),
                _count(sent_tokens),
            )
        except (ValueError, TypeError, InvalidInput):
            return None
        return state if isinstance(asked, str) else None


def _id(value: object) -> str:
    check_id(value)
    return str(value)


def _count(value: object) -> int:
    if type(value) is not int or not 0 <= value < 2**62:
        raise ValueError(f"{shorten(value)} is no count")
    return value
