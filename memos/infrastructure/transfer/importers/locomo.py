"""LoCoMo conversations (Maharana et al. 2024): the turns only, one memory each.

What the data set adds for grading (questions, observations, summaries) is never read: it would
put the answers into the memory.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, tzinfo
from email.utils import parsedate
from typing import Any

from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item, Said, listing, mapping, present
from memos.infrastructure.transfer.importers.turns import segment
from memos.kernel.errors import Refused

_SESSION = re.compile(r"session_(\d+)")
_DATE_TIME = re.compile(r"(\d{1,2}):(\d\d) (am|pm) on (\d{1,2}) ([A-Z][a-z]+), (\d{4})")


def read(document: Document, reading: Reading) -> list[Item]:
    """Read a file of samples; each conversation gets a scope of its own, named by its sample id."""
    value = document.value
    samples = [value] if isinstance(value, dict) else document.entries(called="the file")
    items: list[Item] = []
    seen: set[str] = set()
    for place, given in document.numbered(samples, "sample"):
        with reading.gathering(), reading.fields(given, place, "sample") as sample:
            sample_id = sample.needed("sample_id")
            if sample_id in seen:
                raise Refused(f"{place}: there are two samples {sample_id!r}")
            seen.add(sample_id)
            conversation = sample.take("conversation")
            items += _turns(reading, mapping(conversation, f"{place}: its conversation"), sample_id)
    return items


def _turns(reading: Reading, conversation: Mapping[str, Any], sample_id: str) -> Iterator[Item]:
    sessions = sorted(int(match[1]) for name in conversation if (match := _SESSION.fullmatch(name)))
    for session in sessions:
        where = f"{sample_id}, session {session}"
        with reading.gathering():
            held_at = conversation.get(f"session_{session}_date_time")
            held = None if held_at is None else session_time(held_at, where, reading.zone)
            turns = listing(conversation[f"session_{session}"], where)
            for number, given in enumerate(turns, 1):
                place = f"{where}, turn {number}"
                with reading.gathering(), reading.fields(given, place, "turn") as turn:
                    yield _turn(turn, str(session), sample_id, held)


def _turn(turn: Fields, session: str, sample_id: str, held: datetime | None) -> Item:
    text, dia_id = turn.text("text"), turn.needed("dia_id")
    caption, speaker = turn.text("blip_caption"), turn.needed("speaker")
    at = None if held is None else held.isoformat()
    fields = present(
        text=text or f"[image: {caption}]",
        valid_from=at,
        metadata=present(
            speaker=speaker,
            id=dia_id,
            session=session,
            caption=caption or None,
            sample_id=sample_id,
        ),
    )
    said = Said(session, dia_id, speaker, caption=caption, at=at)
    scope = segment(sample_id)
    return Item(turn.where, f"{scope}/{dia_id}", fields, scope, said, id=dia_id)


def session_time(text: Any, where: str, zone: tzinfo) -> datetime:
    """A time such as `1:56 pm on 8 May, 2023`, in a zone that the data set does not name.

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
        return datetime(year, month, day, hour, int(match[2]), tzinfo=zone)
    except ValueError as error:
        raise Refused(f"{where}: {text!r}: {error}") from None
