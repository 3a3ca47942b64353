"""What keeps the texts of queries. `tests/conformance/engine/test_queries.py` is its contract."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple, Protocol

from memos.kernel.errors import Damaged, shorten

SETTING = "query_texts"
"""The vault's setting: for how many microseconds a text is kept. Absent where none ever was."""


class QueryText(NamedTuple):
    """A query, sealed under the key of its day.

    Attributes:
        access_id: the record of the access log that tells who asked.
        tenant: of the scope.
        scope: where was searched.
        asked: when, in microseconds since 1970.
        cubes: what was returned, or named in the answer.
        box: the text.
    """

    access_id: bytes
    tenant: str
    scope: str
    asked: int
    cubes: tuple[bytes, ...]
    box: bytes


class QueryTexts(Protocol):
    """The texts of queries, each until its time is over or an erase takes it."""

    def set_lifetime(self, lifetime: int) -> None:
        """Keep texts for so many microseconds from now on; 0 keeps none, and takes away all."""
        ...

    def lifetime(self) -> int:
        """For how long texts are kept; 0 where none are."""
        ...

    def keep(self, texts: Sequence[QueryText]) -> None:
        """Keep texts, but those that returned a cube, or searched a scope, which was erased since."""
        ...

    def end(self, now: int) -> None:
        """Take away the texts whose time is over."""
        ...

    def kept(self, tenant: str, now: int) -> list[QueryText]:
        """The texts of a tenant whose time is not over, oldest first; what they returned is left
        out.
        """
        ...


def lifetime_of(stored: object) -> int:
    """The lifetime that is stored.

    Raises:
        Damaged: it is none.
    """
    if not (isinstance(stored, str) and re.fullmatch(r"[0-9]{1,19}", stored)):
        raise Damaged(
            f"the setting {SETTING} is {shorten(stored)}, which is no lifetime of the texts of queries: "
            "an administrator's keep_queries writes it again"
        )
    return int(stored)


def is_gone(scope: str, asked: int, erased: Iterable[tuple[str, int]]) -> bool:
    """Whether the text of a query went with an erase.

    Args:
        scope: where was searched.
        asked: when, in microseconds since 1970.
        erased: the scopes that were erased, and when.
    """
    return any(asked <= at and concerns(scope, gone) for gone, at in erased)


def concerns(scope: str, erased: str) -> bool:
    """Whether a search of a scope searched some of an erased one."""
    searched, gone = f"{scope}/", f"{erased}/"
    return searched.startswith(gone) or gone.startswith(searched)
