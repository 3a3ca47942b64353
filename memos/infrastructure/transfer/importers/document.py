"""A file of JSON as importers take it: one value, JSON lines, or what a zip of an export holds."""

from __future__ import annotations

import json
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from memos.infrastructure.regular_files import check_regular
from memos.infrastructure.transfer.importers.fields import Reading
from memos.infrastructure.transfer.importers.item import (
    MAX_FILE_BYTES,
    listing,
    parse_json,
    read_json,
    read_text,
)
from memos.kernel.errors import Refused

LINES = (".jsonl", ".ndjson")
_CONVERSATIONS = re.compile(r"(?:[^/]+/)?conversations(?:-\d+)?\.json")


class Document(NamedTuple):
    """A file's JSON.

    Attributes:
        name: the file's.
        value: what it holds; of JSON lines the list of their values.
        lines: of JSON lines the number of each; empty where it is one value.
    """

    name: str
    value: Any
    lines: tuple[int, ...] = ()

    @property
    def is_empty(self) -> bool:
        """Whether it is JSON lines without any that can be read."""
        return Path(self.name).suffix.lower() in LINES and not self.value

    def entries(self, *names: str, called: str) -> list[Any]:
        """Its list: the value itself, or what one of these fields of it holds.

        Raises:
            Refused: there is none.
        """
        value = self.value
        if isinstance(value, dict):
            value = next((value[name] for name in names if name in value), None)
        return listing(value, called)

    def numbered(self, entries: list[Any], called: str) -> Iterator[tuple[str, Any]]:
        """Each entry with its place: its line, or its number among what it is called."""
        if self.lines and entries is self.value:
            yield from (
                (f"line {number}", entry) for number, entry in zip(self.lines, entries, strict=True)
            )
        else:
            yield from ((f"{called} {number}", entry) for number, entry in enumerate(entries, 1))


def load(path: Path, reading: Reading) -> Document:
    """Read a file whole.

    Raises:
        Refused: it cannot be read, or is no JSON; a line that is none is gathered.
    """
    if path.is_dir():
        return Document(path.name, _unpacked(path, reading))
    if path.suffix.lower() == ".zip":
        return Document(path.name, _unzipped(path, reading))
    text = read_text(path)
    if path.suffix.lower() in LINES:
        return _of_lines(path.name, text, reading)
    try:
        value = json.loads(text)
        # Letta's server once gave its files as a text within JSON.
        return Document(path.name, json.loads(value) if isinstance(value, str) else value)
    except (ValueError, RecursionError):
        first = text.lstrip().partition("\n")[0]
        if not _is_object(first):
            _refuse_text(text, path)
    return _of_lines(path.name, text, reading)


def _refuse_text(text: str, path: Path) -> None:
    """Say why a text is no JSON; where its name promises none, what may be meant."""
    if path.suffix.lower() == ".json":
        parse_json(text, path.name)
    raise Refused(
        f"the format of {path.name} is not clear: it looks like text that is no JSON; say which with "
        "format=...: markdown for notes"
    )


def _of_lines(name: str, text: str, reading: Reading) -> Document:
    values: list[Any] = []
    numbers: list[int] = []
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            with reading.gathering():
                values.append(parse_json(line, f"line {number}"))
                numbers.append(number)
    return Document(name, values, tuple(numbers))


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _unzipped(path: Path, reading: Reading) -> list[Any]:
    """The conversations in the zip of a chat program's export; its other files are counted."""
    conversations: list[Any] = []
    check_regular(path)
    try:
        with path.open("rb") as file, zipfile.ZipFile(file) as archive:
            members = [member for member in archive.infolist() if not member.is_dir()]
            chosen = [member for member in members if _CONVERSATIONS.fullmatch(member.filename)]
            if not chosen:
                named = ", ".join(sorted(member.filename for member in members)[:5])
                raise Refused(
                    f"{path.name} holds no conversations.json; it holds {named or 'nothing'}"
                )
            if sum(member.file_size for member in chosen) > MAX_FILE_BYTES:
                raise Refused(
                    f"{path.name} unpacks to more than the {MAX_FILE_BYTES:,} bytes that are taken"
                )
            for member in sorted(chosen, key=lambda member: member.filename):
                with archive.open(member) as inner:
                    data = inner.read(member.file_size)
                where = f"{path.name}: {member.filename}"
                conversations += listing(parse_json(_utf8(data, where), where), where)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, zlib.error) as error:
        raise Refused(f"{path.name} cannot be unpacked: {error}") from None
    others = [member for member in members if member not in chosen]
    reading.not_kept.update(f"file {_kind_of_file(member.filename)}" for member in others)
    return conversations


def holds_conversations(folder: Path) -> bool:
    """Whether a folder is the export of a chat program, unpacked."""
    return any(_CONVERSATIONS.fullmatch(file.name) for file in folder.iterdir())


def _unpacked(folder: Path, reading: Reading) -> list[Any]:
    """The same of a folder that such a zip was unpacked to."""
    conversations: list[Any] = []
    for file in sorted(path for path in folder.iterdir() if not path.is_dir()):
        if _CONVERSATIONS.fullmatch(file.name):
            conversations += listing(read_json(file), file.name)
        else:
            reading.not_kept[f"file {_kind_of_file(file.name)}"] += 1
    if not conversations:
        raise Refused(f"{folder} holds no conversations.json")
    return conversations


def _utf8(data: bytes, where: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refused(f"{where} is no UTF-8 text, at byte {error.start}") from None


def _kind_of_file(name: str) -> str:
    """JSON and HTML files by their names, the attachments by their suffix."""
    path = Path(name)
    return path.name if path.suffix in (".json", ".html") else f"*{path.suffix}"
