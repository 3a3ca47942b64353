"""Markdown: a file or a folder of them, one memory a heading's section.

Front matter between two `---` lines may give tags, times and metadata. It is read as the plain
subset of YAML that note-taking programs write: `name: value`, `name: [a, b]` and lists of `- item`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from memos.infrastructure.transfer.importers.item import (
    Item,
    Parsed,
    point_in_time,
    present,
    read_text,
)
from memos.kernel.errors import Refused

_HEADING = re.compile(r"(#{1,6})[ \t]+(.+?)[ \t]*#*")
_FENCE = re.compile(r" {0,3}(```+|~~~+)")
_FIELD = re.compile(r"([A-Za-z_][\w -]*):(?:[ \t]+(.*))?")
_ENTRY = re.compile(r"[ \t]*-[ \t]+(.*)")
SUFFIXES = (".md", ".markdown")


def parse(path: Path) -> Parsed:
    """Read one file, or every Markdown file under a folder, in name order."""
    items: list[Item] = []
    skipped: list[str] = []
    for file in _files(path, skipped):
        name = file.relative_to(path).as_posix() if path.is_dir() else file.name
        sections = list(_sections(read_text(file), name))
        items.extend(sections)
        if not sections:
            skipped.append(f"{name}: it has no text")
    return Parsed(items, skipped)


def _files(path: Path, skipped: list[str]) -> list[Path]:
    """The files to read; what is named like one and is none is told in `skipped`."""
    if not path.is_dir():
        return [path]
    files = sorted(file for file in path.rglob("*") if file.suffix.lower() in SUFFIXES)
    root = Path(os.path.realpath(path))
    for file in files:
        if not Path(os.path.realpath(file)).is_relative_to(root):
            raise Refused(f"{file.relative_to(path)} is a link that leads out of the folder")
    if not files:
        raise Refused(f"{path} holds no Markdown file ({', '.join(SUFFIXES)})")
    named = [file for file in files if not file.is_dir()]
    skipped += [
        f"{file.relative_to(path).as_posix()}: it leads to no file, or to none that can be read to "
        "its end"
        for file in named
        if not file.is_file()
    ]
    return [file for file in named if file.is_file()]


def _sections(text: str, name: str) -> Iterator[Item]:
    front, lines, start = _front_matter(text.replace("\r\n", "\n").split("\n"), name)
    shared = _shared(front, name)
    headings: list[tuple[int, str]] = []
    body: list[str] = []
    at, fence, number = start, "", 0
    for offset, line in enumerate([*lines, None], start):
        heading = None if line is None or fence else _HEADING.fullmatch(line)
        if line is not None and heading is None:
            fence = _fence_after(fence, line)
            body.append(line)
            continue
        if "".join(body).strip():
            number += 1
            yield _item(body, headings, shared, name, at, number)
        if heading is not None:
            level = len(heading[1])
            headings = [*(held for held in headings if held[0] < level), (level, heading[2])]
            body, at = [], offset


def _item(
    body: list[str],
    headings: list[tuple[int, str]],
    shared: Mapping[str, Any],
    name: str,
    line: int,
    number: int,
) -> Item:
    text = "\n".join(body).strip()
    titles = [title for _, title in headings]
    if titles:
        text = f"{titles[-1]}\n\n{text}"
    metadata = {**shared["metadata"], "file": name, "headings": titles}
    fields = {**shared, "text": text, "metadata": metadata}
    return Item(f"{name}, line {line}", f"{name}/{number}", fields)


def _fence_after(fence: str, line: str) -> str:
    """The code fence that is open behind a line; empty where none is."""
    match = _FENCE.match(line)
    if match is None:
        return fence
    if not fence:
        return match[1]
    closes = match[1].startswith(fence) and not line.strip().strip(fence[0])
    return "" if closes else fence


def _front_matter(lines: list[str], name: str) -> tuple[dict[str, Any], list[str], int]:
    """The fields of the front matter, the lines behind it, and the number of their first."""
    if not lines or lines[0].rstrip() != "---":
        return {}, lines, 1
    ends = [place for place, line in enumerate(lines) if place and line.rstrip() == "---"]
    if not ends:
        return {}, lines, 1
    fields: dict[str, Any] = {}
    last = ""
    for number, line in enumerate(lines[1 : ends[0]], 2):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        entry, field = _ENTRY.fullmatch(line), _FIELD.fullmatch(line.rstrip())
        if entry is not None and isinstance(fields.get(last), list):
            fields[last].append(_plain(entry[1]))
        elif field is not None:
            last = field[1].strip()
            fields[last] = _value(field[2] or "")
        else:
            raise Refused(
                f"{name}, line {number}: {line.strip()!r} is not read as front matter: write "
                "name: value, name: [a, b], or a list of - item"
            )
    return fields, lines[ends[0] + 1 :], ends[0] + 2


def _value(text: str) -> Any:
    text = text.strip()
    if not text:
        return []
    if text.startswith("[") and text.endswith("]"):
        return [_plain(part) for part in text[1:-1].split(",") if part.strip()]
    return _plain(text)


def _plain(text: str) -> str:
    text = text.strip()
    quoted = len(text) > 1 and text[0] == text[-1] and text[0] in "'\""
    return text[1:-1] if quoted else text


def _shared(front: Mapping[str, Any], name: str) -> dict[str, Any]:
    """What the front matter gives to every section of its file."""
    tags = front.get("tags", [])
    if isinstance(tags, str):
        tags = [tag.strip().removeprefix("#") for tag in tags.split(",") if tag.strip()]
    where = f"{name}: its front matter"
    dates = (front.get(field) or None for field in ("valid_from", "date", "created"))
    times = (point_in_time(date, where) for date in dates)
    return present(
        tags=tags or None,
        valid_from=next((time for time in times if time is not None), None),
        valid_until=point_in_time(front.get("valid_until") or None, where),
        metadata={field: value for field, value in front.items() if field != "tags"},
    )
