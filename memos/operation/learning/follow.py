"""Learning that goes on: a round whenever memories have arrived or changed, and now and then for what else a
policy goes by.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from memos.infrastructure.governance.decision import Action
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.vault.port import Attempt, LogQuery
from memos.kernel.cube import Form
from memos.kernel.event import Kind
from memos.kernel.moment import NEWEST, At
from memos.operation.learning.learn import learn_once, never
from memos.operation.learning.record import record_id
from memos.operation.learning.round import LearningRound, LearnRequest
from memos.operation.learning.training import IsStopped
from memos.operation.session import Session

POLL_SECONDS = 0.5
ROUND_SECONDS = 60.0
"""Between two rounds where nothing arrives: uses and the end of a wait are no events."""
SHARE_LOOKED = 0.1
"""Of the time at most that looks take."""
_OURS = frozenset({Kind.CACHED, Kind.EVICTED, Kind.DISTILLED, Kind.RETIRED, Kind.DECIDED})
"""What changes the form of memories, and not what they say."""

Told = Callable[[LearningRound], object]


def keep_learning(
    session: Session,
    request: LearnRequest,
    told: Told,
    *,
    is_stopped: IsStopped = never,
    progress: Progress = no_progress,
) -> LearningRound:
    """Learn what is there, and then what arrives, until it is to stop; the last round.

    Args:
        session: the open vault.
        request: what is to be learnt.
        told: called with each round.
        is_stopped: asked between steps, and while nothing arrives.
        progress: told (steps taken, of how many) of each training.
    """
    while True:
        started = time.monotonic()
        behind = _newest(session, request.scope)
        made = learn_once(session, request, is_stopped=is_stopped, progress=progress)
        told(made)
        looked = time.monotonic() - started - sum(each.seconds for each in made.learnt)
        until = time.monotonic() + max(ROUND_SECONDS, looked / SHARE_LOOKED)
        own = record_id(session, request.scope, made.number)
        pause = max(POLL_SECONDS, looked / SHARE_LOOKED)
        if not _arrives(session, request.scope, behind, own, until, pause, is_stopped):
            return made


def _arrives(
    session: Session,
    scope: str,
    behind: At,
    own: bytes,
    until: float,
    pause: float,
    is_stopped: IsStopped,
) -> bool:
    """Wait for what arrives in a scope, or for the time; False where it is to stop."""
    waiting = threading.Event()
    looked = time.monotonic()
    while not is_stopped():
        now = time.monotonic()
        if now >= until:
            return True
        if now - looked >= pause:
            looked = now
            with session.engine.read() as reader:
                arrived = reader.vault.query(LogQuery(scope=scope, after=behind))
                if any(_is_news(each) for each in arrived if each.cube_id != own):
                    return True
        waiting.wait(min(POLL_SECONDS, until - now))
    return False


def _is_news(attempt: Attempt) -> bool:
    state = attempt.state
    return state is not None and state.form is Form.PLAINTEXT and attempt.kind not in _OURS


def _newest(session: Session, scope: str) -> At:
    """The moment that is now."""
    with session.gate.enter("learn") as passage:
        passage.require(Action.READ, scope)
        with session.engine.read() as reader:
            at = reader.moment_at(session.clock()).at
    return NEWEST if at is None else at
