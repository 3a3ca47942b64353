"""Where an erase stands that somebody asked for: who else asks for the same memories must know.

Only in a log of several partitions is there anything between the request and its answers.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import Enum, auto
from typing import NamedTuple

from memos.infrastructure.engine.appender import Appender
from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.reader import Reader
from memos.kernel.event import Kind, caused_id
from memos.kernel.outcome import Result
from memos.operation.commands.draft import operation_event
from memos.operation.gate import Passage
from memos.operation.session import Session
from memos.wire.event_pb2 import Event


class EraseStanding(Enum):
    """What became of the request of an erase."""

    WAITING = auto()
    """Not every cube has answered."""
    AGREED = auto()
    """Every cube agreed: whoever wants to may finish it."""
    REFUSED = auto()
    """A cube refused, and the request is still to be withdrawn from the others."""
    WITHDRAWN = auto()


class Asked(NamedTuple):
    """The request of an erase, where it stands, and which cubes refused it."""

    request: Event
    standing: EraseStanding
    refused: frozenset[bytes]


def asked(reader: Reader, operation_id: bytes) -> Asked:
    """How an erase stands, as a reader sees it."""
    attempts = reader.vault.attempts(operation_id)
    if not attempts:  # its cubes may be folded before it can be read itself
        return Asked(Event(), EraseStanding.WAITING, frozenset())
    kinds = {a.kind for a in attempts if a.outcome.result is Result.ACCEPTED}
    request = reader.event(attempts[0].position)
    if Kind.ERASE_WITHDRAWN in kinds:
        return Asked(request, EraseStanding.WITHDRAWN, frozenset())
    if Kind.ERASED in kinds:
        return Asked(request, EraseStanding.AGREED, frozenset())
    answers = {}
    for target in request.erase_requested.targets:
        caused = caused_id(request.event_id, target.cube_id, Kind.ERASE_REQUESTED)
        answers[target.cube_id] = reader.vault.by_event(caused, target.cube_id)
    if None in answers.values():
        return Asked(request, EraseStanding.WAITING, frozenset())
    refused = frozenset(
        cube_id
        for cube_id, answer in answers.items()
        if answer is not None and answer.outcome.result is Result.REJECTED
    )
    return Asked(request, EraseStanding.REFUSED if refused else EraseStanding.AGREED, refused)


def withdraw(
    session: Session,
    transaction: Appender,
    request: Event,
    refused: Collection[bytes],
    passage: Passage | None = None,
) -> None:
    """Take back the request of an erase that some cubes refused; done twice, it is done once."""
    event = operation_event(
        session, Kind.ERASE_WITHDRAWN, request.operation_id, request.tenant, passage
    )
    for target in request.erase_requested.targets:
        if target.cube_id not in refused:
            event.erase_withdrawn.targets.add(cube_id=target.cube_id, scope=target.scope)
    transaction.append(Draft(event))


def take_back(session: Session, request: Event, refused: Collection[bytes]) -> None:
    """`withdraw` in a transaction of its own."""
    session.engine.writer.transact(
        lambda transaction: withdraw(session, transaction, request, refused)
    )
