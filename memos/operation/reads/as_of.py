"""As-of: from what a caller names (a cut, a position, a log time) to a moment of the log."""

from __future__ import annotations

import re
from datetime import datetime

from memos.infrastructure.engine.reader import Reader
from memos.kernel.errors import InvalidInput, NotFound, shorten
from memos.kernel.event import Position
from memos.kernel.moment import NEWEST, At, Moment
from memos.operation.validation import check_name, check_time

AsOf = str | Position | datetime
"""A cut's name, a position (or its text, 0:42), or a log time (a datetime, or ISO 8601)."""

_POSITION = re.compile(r"\d+:\d+")
_TIME = re.compile(r"\d{4}-\d\d-\d\d")


def is_cut_name(name: str) -> bool:
    """Whether a name cannot be taken for a position or a time."""
    return not (_POSITION.fullmatch(name) or _TIME.match(name))


def resolve(reader: Reader, as_of: AsOf | None, now: int) -> Moment:
    """When a caller wants to read.

    Raises:
        NotFound: there is no such cut, or no such position yet.
        InvalidInput: it is none of the three.
    """
    if as_of is None:
        return Moment(None, now)
    position = _position(as_of)
    if position is None:
        return _named(reader, as_of)
    moment = reader.moment_of(position)
    if moment is None:
        raise NotFound(
            f"the log ends before position {position}: see `memos tail` for its last one"
        )
    return moment


def stretch(reader: Reader, since: AsOf | None, until: AsOf | None) -> tuple[At, At | None]:
    """The stretch of the log that a `since` and an `until` mean: behind what, and up to what.

    A position means the record there, which `since` takes in and `until` leaves out; a cut or a
    time means all up to it.
    """
    after: At = -1 if since is None else _bound(reader, since)
    return after, None if until is None else _bound(reader, until)


def _bound(reader: Reader, as_of: AsOf) -> At:
    position = _position(as_of)
    if position is None:
        at = _named(reader, as_of).at
        return NEWEST if at is None else at
    moment = reader.moment_of(position)
    return NEWEST if moment is None or not isinstance(moment.at, int) else moment.at - 1


def _position(as_of: AsOf) -> Position | None:
    """The position that is meant, where it is one."""
    if isinstance(as_of, str) and _POSITION.fullmatch(as_of):
        as_of = Position.parse(as_of)
    if not isinstance(as_of, Position):
        return None
    if min(as_of) < 0:
        raise InvalidInput(f"{as_of} is no position: partition and offset count from 0")
    return as_of


def _named(reader: Reader, as_of: AsOf) -> Moment:
    """The moment of a cut's name or of a time."""
    if isinstance(as_of, datetime) or (isinstance(as_of, str) and _TIME.match(as_of)):
        return reader.moment_at(check_time(as_of, "as_of"))
    if not isinstance(as_of, str):
        raise InvalidInput(
            f"as_of takes a cut's name, a position or a log time, not {shorten(as_of)}"
        )
    moment = reader.moment_of_cut(check_name(as_of, "a cut's name"))
    if moment is None:
        raise NotFound(
            f"there is no cut named {as_of!r}: name one with name_cut, or pass a position such as "
            "0:42 or a time such as 2023-05-08T13:56:00Z"
        )
    return moment
