"""Cursors: where a list goes on. Opaque to callers; good for the list that gave them, and no other."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from datetime import datetime
from hashlib import sha256
from typing import Any, NamedTuple, Self

from memos.kernel.errors import InvalidInput, shorten
from memos.operation.reads.opaque_token import pack_token, unpack_token

_VERSION = 1
_LIST_BYTES = 8


class Cursor(NamedTuple):
    """Where a list goes on.

    Attributes:
        list_digest: of what the list was asked for.
        place: the ordinal that its last memory stands by.
        at: the moment that all its pages show, where that is not the present.
    """

    list_digest: str
    place: int
    at: int | None

    def __str__(self) -> str:
        return pack_token(_VERSION, self)

    @classmethod
    def parse(cls, text: object, list_digest: str) -> Self:
        """The cursor that a list gave.

        Raises:
            InvalidInput: it is none, or another list's.
        """
        cursor = cls._read(text)
        if cursor is None:
            raise InvalidInput(
                f"{shorten(text)} is no cursor: pass the one that the page before came with, as it is"
            )
        if cursor.list_digest != list_digest:
            raise InvalidInput(
                "the cursor is another list's: pass the same scope=, filter=, state=, order=, as_of= "
                "and facts= as for the page that it came with"
            )
        return cursor

    @classmethod
    def _read(cls, text: object) -> Self | None:
        try:
            cursor = cls(*unpack_token(text, _VERSION))
        except (ValueError, TypeError):
            return None
        numbers = [cursor.place] if cursor.at is None else [cursor.place, cursor.at]
        fits = all(type(number) is int and -(2**62) < number < 2**62 for number in numbers)
        return cursor if fits else None


def digest_of_list(asked: Mapping[str, Any]) -> str:
    """What tells one list from another, whatever order its arguments' parts are in."""
    told = json.dumps(_ordered(asked), sort_keys=True, default=str)
    return sha256(told.encode("utf-8", "surrogatepass")).hexdigest()[: 2 * _LIST_BYTES]


def _ordered(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _ordered(inner) for name, inner in value.items()}
    if isinstance(value, Set):
        return sorted(str(_ordered(inner)) for inner in value)
    if isinstance(value, (list, tuple)):
        return [_ordered(inner) for inner in value]
    if type(value) is int:
        return hex(value)  # Python writes no number of thousands of digits
    return value.isoformat() if isinstance(value, datetime) else value
