"""Markdown: a file or a folder of them, one memory a heading's section.

A line before each section names its file, the note's title and the headings above it, so that it is
found by them, too.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, tzinfo
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from memos.infrastructure.transfer.importers.front_matter import front_matter
from memos.infrastructure.transfer.importers.item import (
    NOTE_FILE,
    NOTE_HEADINGS,
    Item,
    Parsed,
    present,
    read_text,
)
from memos.infrastructure.transfer.importers.note_files import SUFFIXES, note_files
from memos.infrastructure.transfer.importers.sections import (
    Section,
    SectionPart,
    links_of,
    sections,
)
from memos.infrastructure.transfer.importers.times import read_time
from memos.kernel.errors import Refused

_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?")
_STARTS = ("valid_from", "date", "created")
_BEFORE_TITLE = " › "
MAX_TAG = 200
"""Characters; what is longer is no tag."""


def parse(path: Path, zone: tzinfo = UTC) -> Parsed:
    """Read one file, or every note under a folder, in name order. A note that cannot be read is
    passed over, aloud.
    """
    if not path.is_dir():
        return _parsed({path.name: read_text(path)}, {}, zone)
    names, unread = note_files(path)
    if not names and not unread:
        raise Refused(f"{path} holds no Markdown file ({', '.join(SUFFIXES)})")
    texts: dict[str, str] = {}
    for name in names:
        try:
            texts[name] = read_text(path / name)
        except Refused as error:
            unread[name] = f"it {str(error).removeprefix(PurePosixPath(name).name).strip()}"
    return _parsed(texts, unread, zone)


def _parsed(texts: Mapping[str, str], unread: Mapping[str, str], zone: tzinfo) -> Parsed:
    items: list[Item] = []
    skipped = [f"{name}: {why}" for name, why in sorted(unread.items())]
    for name, text in texts.items():
        note = _note(text, name, zone)
        found = list(_items(note))
        items.extend(found)
        if not found:
            skipped.append(f"{name}: it has no text")
    return Parsed(items, skipped, unread=tuple(unread))


class _Note(NamedTuple):
    """A note: its file's name, what its front matter says, and its text, from a line on."""

    name: str
    front: Mapping[str, Any]
    text: str
    line: int
    zone: tzinfo


def _note(text: str, name: str, zone: tzinfo) -> _Note:
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    front = front_matter(lines)
    body = "\n".join(lines[front.lines :])
    return _Note(name, front.fields, body, front.lines + 1, zone)


def _items(note: _Note) -> Iterator[Item]:
    shared = _shared(note.front, note.zone)
    links = [link for value in note.front.values() for link in _named_in(value)]
    seen: Counter[tuple[str, ...]] = Counter()
    number = 0
    for section in sections(note.text):
        seen[section.headings] += 1
        called = (note.name, *section.headings)
        if seen[section.headings] > 1:  # the same headings again: which of them
            called = (*called, f"({seen[section.headings]})")
        parts = section.parts or (SectionPart(""),)
        number += bool(section.parts)
        for part, (words, linked) in enumerate(parts, 1):
            is_first = part == 1
            place = f"{note.name}, line {note.line + section.line}"
            yield _item(
                note,
                section,
                shared,
                words,
                Item(
                    place if is_first else f"{place}, part {part}",
                    f"{note.name}/{number}" if words and is_first else "/".join(called),
                    {},
                    section=called if is_first else (*called, f"part {part}"),
                    links=(*links, *linked) if is_first else linked,
                    words=words,
                ),
            )
        links = []  # those of the front matter are the first section's


def _item(
    note: _Note,
    section: Section,
    shared: Mapping[str, Any],
    words: str,
    item: Item,
) -> Item:
    lead = _lead(note, section)
    place = {NOTE_FILE: note.name, NOTE_HEADINGS: list(section.headings)}
    metadata = {**shared["metadata"], **place}
    text = f"{lead}\n\n{words}" if words else lead
    return item._replace(fields={**shared, "text": text, "metadata": metadata})


def _lead(note: _Note, section: Section) -> str:
    """The file's name, the title and the headings; what repeats the one before is left out."""
    title = note.front.get("title")
    names = [
        PurePosixPath(note.name).stem,
        title if isinstance(title, str) else "",
        *section.headings,
    ]
    kept: list[str] = []
    for name in (" ".join(name.split()) for name in names):
        if name and not (kept and _bare(name) == _bare(kept[-1])):
            kept.append(name)
    return _BEFORE_TITLE.join(kept)


def _bare(name: str) -> str:
    return name.replace("-", " ").replace("_", " ").casefold()


def _named_in(value: Any) -> list[str]:
    values = value if isinstance(value, list) else [value]
    return [link for one in values if isinstance(one, str) for link in links_of(one)]


def _shared(front: Mapping[str, Any], zone: tzinfo) -> dict[str, Any]:
    """What the front matter gives to every section of its file: all but its tags is metadata."""
    start = next(filter(None, (_time(front.get(name), zone) for name in _STARTS)), None)
    until = _time(front.get("valid_until"), zone)
    return present(
        tags=_tags(front.get("tags")) or None,
        valid_from=start,
        valid_until=until if start is None or until is None or start < until else None,
        metadata={name: value for name, value in front.items() if name != "tags"},
    )


def _tags(value: Any) -> list[str]:
    """Tags as they are written: a list, or a text with commas or spaces between."""
    if isinstance(value, (str, int)):
        value = str(value).split("," if "," in str(value) else None)
    given = value if isinstance(value, list) else []
    tags = (str(tag).strip().removeprefix("#") for tag in given if isinstance(tag, (str, int)))
    return list(
        dict.fromkeys(tag for tag in tags if tag and len(tag) <= MAX_TAG and tag.isprintable())
    )


def _stamp(digits: str) -> str | None:
    """The date that names a note of a slip box, YYYYMMDDhhmm or with seconds, as ISO 8601."""
    form = {12: "%Y%m%d%H%M", 14: "%Y%m%d%H%M%S"}.get(len(digits))
    try:
        return form and datetime.strptime(digits, form).isoformat()  # noqa: DTZ007 - its zone is told
    except ValueError:
        return None


def _time(value: Any, zone: tzinfo) -> str | None:
    """A time, where a value is one; what is none, such as a year alone, stays metadata only."""
    if not isinstance(value, str):
        return None
    # Digits are no seconds since 1970: note-taking programs write none.
    text = _stamp(value.strip()) if _NUMBER.fullmatch(value.strip()) else value
    try:
        time = read_time(text, "", zone)
        return time and datetime.fromisoformat(time).astimezone(UTC).isoformat()
    except (Refused, OverflowError):  # OverflowError: in UTC it is outside the years 1 to 9999
        return None
