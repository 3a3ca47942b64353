"""A memory at the version that was read, as whoever made another of it names it: `ID@VERSION`, or the id alone."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple, Self

from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.event import id_text
from memos.operation.validation import check_id

_VERSION = re.compile(r"[1-9][0-9]{0,17}")


class Cited(NamedTuple):
    """A memory, and the version of it that was read; None for the one that is current."""

    cube_id: bytes
    version: int | None = None

    @classmethod
    def of(cls, value: object) -> Self:
        """As it was given.

        Raises:
            InvalidInput: it is neither an id nor an id with a version.
        """
        if not isinstance(value, str):
            return cls(check_id(value))
        cube_id, at, version = str.partition(value, "@")
        if not at:
            return cls(check_id(cube_id))
        if not _VERSION.fullmatch(version):
            raise InvalidInput(
                f"{shorten(value)} is no version of a memory: write the id, or ID@VERSION, such as "
                f"{id_text(bytes(16))}@2"
            )
        return cls(check_id(cube_id), int(version))

    def __str__(self) -> str:
        named = id_text(self.cube_id)
        return named if self.version is None else f"{named}@{self.version}"


def check_cited(values: Iterable[object]) -> tuple[Cited, ...]:
    """The memories that another is made of, as they were given.

    Raises:
        InvalidInput: one does not fit, or is named at two versions.
    """
    named = tuple(dict.fromkeys(map(Cited.of, values)))
    ids = [each.cube_id for each in named]
    twice = next((each for each in named if ids.count(each.cube_id) > 1), None)
    if twice is not None:
        raise InvalidInput(
            f"memory {id_text(twice.cube_id)} is named at two versions: name the one that was read"
        )
    return named
