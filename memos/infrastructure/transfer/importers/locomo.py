"""LoCoMo conversations (Maharana et al. 2024): the turns only, one memory each.

What the data set adds for grading (questions, observations, summaries) is never read: it would
put the answers into the memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate
from pathlib import Path
from typing import Any

from memos.infrastructure.transfer.importers.item import (
    Item,
    Parsed,
    Said,
    listing,
    mapping,
    present,
    read_json,
    text_field,
)
from memos.kernel.errors import Refused

_SESSION = re.compile(r"session_(\d+)")
_DATE_TIME = re.compile(r"(\d{1,2}):(\d\d) (am|pm) on (\d{1,2}) ([A-Z][a-z]+), (\d{4})")


def parse(path: Path) -> Parsed:
    """Read a file of samples; each conversation gets a scope of its own, named by its sample id."""
    value = read_json(path)
    samples = [value] if isinstance(value, dict) else listing(value, "the file")
    items: list[Item] = []
    seen: set[str] = set()
    for number, given in enumerate(samples, 1):
        where = f"sample {number}"
        sample = mapping(given, where)
        sample_id = text_field(sample, "sample_id", where)
        if sample_id in seen:
            raise Refused(f"{where}: there are two samples {sample_id!r}")
        seen.add(sample_id)
        conversation = mapping(sample.get("conversation"), f"{where}: its conversation")
        items.extend(_turns(conversation, sample_id))
    return Parsed(items, [])


def _turns(conversation: Mapping[str, Any], sample_id: str) -> Iterator[Item]:
    sessions = sorted(int(match[1]) for name in conversation if (match := _SESSION.fullmatch(name)))
    for session in sessions:
        where = f"{sample_id}, session {session}"
        held_at = conversation.get(f"session_{session}_date_time")
        held = None if held_at is None else session_time(held_at, where)
        for number, given in enumerate(listing(conversation[f"session_{session}"], where), 1):
            yield _turn(mapping(given, f"{where}, turn {number}"), where, number, sample_id, held)


def _turn(
    turn: Mapping[str, Any], session: str, number: int, sample_id: str, held: datetime | None
) -> Item:
    where = f"{session}, turn {number}"
    text, dia_id = text_field(turn, "text", where), text_field(turn, "dia_id", where)
    caption = text_field(turn, "blip_caption", where) if turn.get("blip_caption") else ""
    speaker, name = text_field(turn, "speaker", where), session.rpartition(" ")[2]
    at = None if held is None else held.isoformat()
    fields = present(
        text=text or f"[image: {caption}]",
        valid_from=at,
        metadata=present(
            speaker=speaker,
            id=dia_id,
            session=name,
            caption=caption or None,
            sample_id=sample_id,
        ),
    )
    said = Said(name, dia_id, speaker, caption=caption, at=at)
    return Item(where, f"{sample_id}/{dia_id}", fields, sample_id, said)


def session_time(text: Any, where: str) -> datetime:
    """A time such as `1:56 pm on 8 May, 2023`; the data set names no zone, so it is UTC.

    Raises:
        Refused: it is none.
    """
    match = _DATE_TIME.fullmatch(text.strip()) if isinstance(text, str) else None
    # The month's English name, whatever this machine's locale is.
    date = None if match is None else parsedate(f"{match[4]} {match[5]} {match[6]} 0:00")
    if match is None or date is None:
        raise Refused(f"{where}: {text!r} is no time such as '1:56 pm on 8 May, 2023'")
    hour = int(match[1]) % 12 + (12 if match[3] == "pm" else 0)
    year, month, day = date[:3]
    try:
        return datetime(year, month, day, hour, int(match[2]), tzinfo=UTC)
    except ValueError as error:
        raise Refused(f"{where}: {text!r}: {error}") from None
