"""As-of: from what a caller names (a cut, a position, a log time) to a moment of the log."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.vault.port import LogQuery
from memos.kernel.errors import InvalidInput, NotFound, shorten
from memos.kernel.event import Position
from memos.kernel.moment import NEWEST, At, Moment, later
from memos.operation.gate import Passage
from memos.operation.reads.head import is_readable
from memos.operation.session import VAULT_SCOPE, Session
from memos.operation.tenant_digests import keyed_ids
from memos.operation.validation import AsOf, check_name, check_position, check_time, parse_position

_POSITION = re.compile(r"\d+:\d+")
_TIME = re.compile(r"\d{4}-\d\d-\d\d")


def is_cut_name(name: str) -> bool:
    """Whether a name cannot be taken for a position or a time."""
    return not (_POSITION.fullmatch(name) or _TIME.match(name))


def resolve(session: Session, passage: Passage, reader: Reader, as_of: AsOf | None) -> Moment:
    """When a caller wants to read.

    Raises:
        NotFound: there is no such cut, or no such position yet; to a caller who is narrowed to a
            tenant, none but those of records that they may read.
        InvalidInput: it is none of the three.
    """
    if as_of is None:
        return Moment(None, session.clock())
    position = _position(as_of)
    if position is None:
        return _named(session, passage, reader, as_of)
    moment = moment_shown(passage, reader, position)
    if moment is not None:
        return moment
    if passage.is_narrowed:
        raise NotFound(f"no record that you may read is at position {position}: see `memos tail`")
    raise NotFound(f"the log ends before position {position}: see `memos tail` for its last one")


def moment_shown(passage: Passage, reader: Reader, position: Position) -> Moment | None:
    """Just after the record at a position; None where there is none. Who is narrowed to a tenant is
    not told how long the log is: to them, none is there but those that they may read.
    """
    moment = reader.moment_of(position)
    if not passage.is_narrowed:
        return moment
    at = NEWEST if moment is None or not isinstance(moment.at, int) else moment.at
    query = LogQuery(scope=passage.within, after=at - 1, upto=at)
    attempt = next(iter(reader.vault.query(query)), None)
    is_there = attempt is not None and attempt.position == position
    cube_id = attempt.cube_id if attempt is not None and is_there else bytes(16)
    return moment if is_readable(passage, reader, cube_id) else None


def stretch(
    session: Session,
    passage: Passage,
    reader: Reader,
    since: Sequence[AsOf | None],
    until: AsOf | None,
) -> tuple[At, At | None]:
    """The stretch of the log that some `since` and an `until` mean: behind what, and up to what.

    A position means the record there, which `since` takes in and `until` leaves out; a cut or a
    time means all up to it. Of several `since` the latest counts.
    """

    def bound(as_of: AsOf) -> At:
        return _bound(session, passage, reader, as_of)

    after: At = -1
    for each in since:
        after = after if each is None else later(after, bound(each))
    return after, None if until is None else bound(until)


def _bound(session: Session, passage: Passage, reader: Reader, as_of: AsOf) -> At:
    position = _position(as_of)
    if position is None:
        at = _named(session, passage, reader, as_of).at
        return NEWEST if at is None else at
    moment = reader.moment_of(position)
    return NEWEST if moment is None or not isinstance(moment.at, int) else moment.at - 1


def is_cut_shown(session: Session, passage: Passage, reader: Reader, name: str) -> bool:
    """Whether the caller may know of the cut of this name, if there is one: cuts belong to the
    vault, and to no tenant.
    """
    if not passage.allows_scope(Action.READ, VAULT_SCOPE):
        return False
    ring = session.engine.keys.ring(VAULT_SCOPE)
    heads = (reader.vault.head(keyed_ids(key, ("cut", name)).cube_id) for key in ring)
    return all(passage.allows(Action.READ, head) for head in heads if head is not None)


def _position(as_of: AsOf) -> Position | None:
    """The position that is meant, where it is one."""
    if isinstance(as_of, str) and _POSITION.fullmatch(as_of):
        as_of = parse_position(as_of)
    return check_position(as_of) if isinstance(as_of, Position) else None


def _named(session: Session, passage: Passage, reader: Reader, as_of: AsOf) -> Moment:
    """The moment of a cut's name or of a time."""
    if isinstance(as_of, datetime) or (isinstance(as_of, str) and _TIME.match(as_of)):
        return reader.moment_at(check_time(as_of, "as_of"))
    if not isinstance(as_of, str):
        raise InvalidInput(
            f"as_of takes a cut's name, a position or a log time, not {shorten(as_of)}"
        )
    name = check_name(as_of, "a cut's name")
    shown = is_cut_shown(session, passage, reader, name)
    moment = reader.moment_of_cut(name) if shown else None
    if moment is None:
        raise NotFound(
            f"there is no cut named {as_of!r}: name one with name_cut, or pass a position such as "
            "0:42 or a time such as 2023-05-08T13:56:00Z"
        )
    return moment
