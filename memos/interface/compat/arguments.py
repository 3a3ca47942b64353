"""What callers of an adapter may pass: a program of another library may hold anything against its types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from memos.kernel.errors import InvalidInput, shorten
from memos.operation.plain import plain


def check_mapping(value: object, what: str) -> Mapping[str, Any]:
    """A mapping, plain; None gives an empty one.

    Raises:
        InvalidInput: it is neither, or nested too deep.
    """
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InvalidInput(f"{what} must be a mapping, not {shorten(value)}")
    mapping: Mapping[str, Any] = plain(value)
    return mapping


def check_text(value: object, what: str) -> str:
    """A text, plain; None gives an empty one.

    Raises:
        InvalidInput: it is neither.
    """
    if value is None:
        return ""
    if not isinstance(value, str):
        raise InvalidInput(f"{what} must be a text, not {shorten(value)}")
    return str(plain(value))
