"""What every importer yields: one memory as `add` takes it, and where in the file it stood."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from memos.infrastructure.regular_files import check_regular
from memos.kernel.errors import Refused

MAX_FILE_BYTES = 2**30
"""A file is read whole, so that it can be checked whole; split what is larger."""


class Said(NamedTuple):
    """Where a turn stands in its conversation, which is its scope; `at` is ISO 8601 or not told."""

    session: str
    id: str = ""
    speaker: str = ""
    role: str = ""
    caption: str = ""
    at: str | None = None


NOTE_FILE, NOTE_HEADINGS = "file", "headings"
"""Metadata of each part of a note: its file, below what is imported, and the headings above it."""


class Item(NamedTuple):
    """One memory to be. An import knows it again by `id`, else by `section`, else by what it says.

    Attributes:
        place: where it stands, for messages: `line 3`.
        name: a short name of that place for its source; what former releases called it.
        fields: `add`'s arguments, without the scope.
        scope: where it goes, under the import's scope.
        said: where it was said, if it was.
        id: its own id in the program that wrote it, the same in every export and unique in its
            scope; empty where it has none. Never a position or a file's name.
        is_in_file: its id tells it from the others of its file alone, such as a message's number.
        section: of what has no id, the file below what is imported, and the headings above it.
        links: the names of notes that it links to.
        words: what of its text is its own, where a line that names its place stands before; an item
            with equal words elsewhere is the same, moved.
        frozen: it is not to be changed: it comes in frozen.
    """

    place: str
    name: str
    fields: Mapping[str, Any]
    scope: str = ""
    said: Said | None = None
    id: str = ""
    section: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    words: str = ""
    frozen: bool = False
    is_in_file: bool = False

    @property
    def own_id(self) -> str:
        """Its id, where that is the same wherever it is found."""
        return "" if self.is_in_file else self.id


class Parsed(NamedTuple):
    """What a file holds.

    Attributes:
        items: the memories to be.
        skipped: what holds no memory, each with its place and why.
        refused: what should be a memory and cannot be read, each with its place and why: all of the
            file, not the first alone. An import stops at these, or passes them over when it is told to.
        not_kept: what the format says beyond that and is not kept, and how many times.
        partial: what says that more follows that is not in the file, which may be what is missing.
        continues: how many pages follow one that is not in the file.
        unread: the files, of `Item.section`, that could not be read: what they held is not missing.
    """

    items: list[Item]
    skipped: list[str]
    refused: Sequence[str] = ()
    not_kept: Mapping[str, int] = MappingProxyType({})
    unread: Sequence[str] = ()
    partial: Sequence[str] = ()
    continues: int = 0

    def within(self, path: Path) -> Parsed:
        """The same, where each place names the file, too, for it is one of several. A note's begins with
        its name.
        """
        is_notes = all(item.section for item in self.items)
        folder = path if path.is_dir() else path.parent

        def place(told: str) -> str:
            is_named = is_notes and (folder == path or told.startswith(path.name))
            return (folder / told).as_posix() if is_named else f"{path}, {told}"

        return self._replace(
            items=[item._replace(place=place(item.place)) for item in self.items],
            skipped=list(map(place, self.skipped)),
            refused=list(map(place, self.refused)),
            partial=list(map(place, self.partial)),
        )


def read_text(path: Path) -> str:
    """A file as text.

    Raises:
        Refused: it is too large, cannot be read or is no UTF-8.
    """
    try:
        check_regular(path)
        size = path.stat().st_size
        if size > MAX_FILE_BYTES:
            raise Refused(f"{path.name} has {size:,} bytes; at most {MAX_FILE_BYTES:,} are taken")
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{path.name} is no UTF-8 text, at byte {error.start}") from None
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None


def read_json(path: Path) -> Any:
    """A file as JSON.

    Raises:
        Refused: it is none.
    """
    return parse_json(read_text(path), path.name)


def parse_json(text: str, where: str) -> Any:
    """A text as JSON.

    Raises:
        Refused: it is none.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{where} is no JSON: {error}") from None


def mapping(value: Any, where: str) -> Mapping[str, Any]:
    """A JSON object, or a refusal."""
    if not isinstance(value, dict):
        raise Refused(f"{where} must be an object, not {type(value).__name__}")
    return value


def listing(value: Any, where: str) -> list[Any]:
    """A JSON list, or a refusal."""
    if not isinstance(value, list):
        raise Refused(f"{where} must be a list, not {type(value).__name__}")
    return value


def text_field(value: Mapping[str, Any], name: str, where: str) -> str:
    """A field that must be a text."""
    text = value.get(name)
    if not isinstance(text, str):
        raise Refused(f"{where}: {name!r} must be a text")
    return text


def present(**fields: Any) -> dict[str, Any]:
    """The fields that are there."""
    return {name: value for name, value in fields.items() if value is not None}
