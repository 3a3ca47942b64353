"""Composing texts without a model: joining, merging, and the scope that holds several."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

from memos.kernel.errors import InvalidInput


def join_texts(text: str, addition: str) -> str:
    """The text, and the addition on a new line."""
    return f"{text}\n{addition}" if text else addition


def merge_texts(*texts: str) -> str:
    """Every line of the texts in order, each different line once."""
    return "\n".join(dict.fromkeys(line for text in texts for line in text.splitlines()))


def common_scope(scopes: Sequence[str]) -> str:
    """The deepest scope that holds all of these.

    Raises:
        InvalidInput: they belong to different tenants.
    """
    columns = zip(*(scope.split("/") for scope in scopes), strict=False)
    shared = [column[0] for column in takewhile(lambda column: len(set(column)) == 1, columns)]
    if not shared:
        raise InvalidInput("the cubes belong to different tenants: they cannot be brought together")
    return "/".join(shared)
