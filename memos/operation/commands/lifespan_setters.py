"""Whose right a lifespan acts with, whoever wrote it down last."""

from __future__ import annotations

from typing import NamedTuple

from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.vault.port import Attempt
from memos.kernel.cube import Lifespan
from memos.kernel.event import Kind
from memos.kernel.outcome import Result


class _Past(NamedTuple):
    """A cube up to a log time; None is now."""

    cube_id: bytes
    until: int | None = None


class LifespanSetter(NamedTuple):
    """An actor, and the cube that they gave a lifespan: one whose end they must still have a right to."""

    actor: str
    cube_id: bytes


def lifespan_setters(reader: Reader, cube_id: bytes) -> set[LifespanSetter]:
    """Who gave a cube the lifespan that it has: it goes as far as all of them may go.

    One that a rollback brought back is of who had set it. One that came with the sources of a version
    is also of who had set theirs: whoever merges them does not lend them a right.
    """
    setters: set[LifespanSetter] = set()
    seen: set[_Past] = set()
    waiting = [_Past(cube_id)]
    while waiting:
        past = waiting.pop()
        if past in seen:
            continue
        seen.add(past)
        setting = _last_setting(reader, past)
        if setting is not None:
            setters.add(LifespanSetter(setting.actor, setting.cube_id))
            waiting += _sources(reader, setting)
    return setters


def _last_setting(reader: Reader, past: _Past) -> Attempt | None:
    """The attempt that gave a cube its lifespan; None where it had none."""
    by_lifespan: dict[Lifespan, Attempt] = {}
    lifespan: Lifespan | None = None
    for attempt in reader.vault.attempts(past.cube_id):
        if attempt.outcome.result is not Result.ACCEPTED or attempt.state is None:
            continue
        if past.until is not None and attempt.log_time > past.until:
            break
        before, lifespan = lifespan, attempt.state.header.lifespan
        if lifespan is None or lifespan == before:
            continue
        if attempt.kind is not Kind.ROLLED_BACK or lifespan not in by_lifespan:
            by_lifespan[lifespan] = attempt
    return None if lifespan is None else by_lifespan[lifespan]


def _sources(reader: Reader, attempt: Attempt) -> list[_Past]:
    """What a version was made of, as it was then."""
    made = (attempt.cube_id, attempt.outcome.version)
    return [
        _Past(edge.source[0], attempt.log_time - 1)
        for edge in reader.vault.edges(attempt.cube_id, downstream=False)
        if edge.derived == made
    ]
