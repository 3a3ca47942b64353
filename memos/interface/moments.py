"""As-of: from what a caller names (a cut, a position, a log time) to a position in the log."""

from __future__ import annotations

import re
from datetime import datetime
from typing import NamedTuple

from memos.infrastructure.embedded import Reading
from memos.infrastructure.log.sqlite import log_size, offset_at, read_record
from memos.infrastructure.vault.read import NEWEST
from memos.interface import validate
from memos.kernel.errors import InvalidInput, NotFound
from memos.kernel.event import Position

AsOf = str | Position | datetime
"""A cut's name, a position (or its text, 0:42), or a log time (a datetime, or ISO 8601)."""

_POSITION = re.compile(r"\d+:\d+")
_TIME = re.compile(r"\d{4}-\d\d-\d\d")


class Moment(NamedTuple):
    """A position to read at (None: now) and the read time in microseconds."""

    offset: int | None
    read_time: int


def is_cut_name(name: str) -> bool:
    """Whether a name cannot be taken for a position or a time."""
    return not (_POSITION.fullmatch(name) or _TIME.match(name))


def resolve(reading: Reading, as_of: AsOf | None, now: int) -> Moment:
    """Where in the log a caller wants to read.

    Raises:
        NotFound: there is no such cut, or no such position yet.
        InvalidInput: it is none of the three.
    """
    if as_of is None:
        return Moment(None, now)
    if isinstance(as_of, Position) and min(as_of) < 0:
        raise InvalidInput(f"{as_of} is no position: partition and offset count from 0")
    if isinstance(as_of, str) and not _TIME.match(as_of):
        as_of = _named(reading, as_of)
    if isinstance(as_of, Position):
        offset = _existing(reading, as_of)
    elif isinstance(as_of, (str, datetime)):
        offset = offset_at(reading.connection, validate.check_time(as_of, "as_of")) - 1
    else:
        raise InvalidInput(
            f"as_of takes a cut's name, a position or a log time, not {validate.shorten(as_of)}"
        )
    if offset < 0:
        return Moment(-1, 0)
    record = read_record(reading.connection, offset)
    return Moment(offset, now if record is None else record.log_time)


def _named(reading: Reading, name: str) -> Position:
    if _POSITION.fullmatch(name):
        return Position.parse(name)
    size = reading.vault.cut_size(validate.check_name(name, "a cut's name"))
    if size is None:
        raise NotFound(
            f"there is no cut named {name!r}: name one with name_cut, or pass a position such as "
            "0:42 or a time such as 2023-05-08T13:56:00Z"
        )
    return Position(0, size - 1)


def _existing(reading: Reading, position: Position) -> int:
    size = log_size(reading.connection)
    if position.partition != 0 or position.offset >= size:
        raise NotFound(f"the log ends before position {position}: its last one is 0:{size - 1}")
    return position.offset


def start_offset(reading: Reading, moment: AsOf | None, now: int) -> int:
    """The first offset that a `since` means, and the end that an `until` means.

    A position means the record there; a cut or a time means the first record after it.
    """
    if moment is None:
        return 0
    if isinstance(moment, str) and _POSITION.fullmatch(moment):
        moment = Position.parse(moment)
    if isinstance(moment, Position):
        return min(max(moment.offset, 0), NEWEST)
    resolved = resolve(reading, moment, now).offset
    return 0 if resolved is None else resolved + 1
