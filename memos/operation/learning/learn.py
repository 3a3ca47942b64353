"""A round of learning: what the policy wants learnt is put into clusters, and those that are due are distilled.

Nothing is gone by but what stands in the log: what adapters hold, what was refused, what was decided. So a round
that was cut off anywhere is gone on with by the next.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from random import Random

from memos.infrastructure.progress import Progress, no_progress
from memos.kernel.errors import IllegalMove
from memos.operation.adapters.retire import retire_outdated
from memos.operation.cube import as_datetime
from memos.operation.learning.clusters import Cluster, alike
from memos.operation.learning.decisions import keep_decisions
from memos.operation.learning.due import is_due
from memos.operation.learning.look import Look, clusters_of, look, standing
from memos.operation.learning.record import keep_round
from memos.operation.learning.retention import share_retained
from memos.operation.learning.round import LearningRound, LearnRequest
from memos.operation.learning.training import IsStopped, StoppedError, Trainings
from memos.operation.session import Session

MOST_ASKED = 4
"""Earlier adapters that a round asks what they know still; each round others."""


def never() -> bool:
    """Go on to the end."""
    return False


def learn_once(
    session: Session,
    request: LearnRequest,
    *,
    is_stopped: IsStopped = never,
    progress: Progress = no_progress,
) -> LearningRound:
    """See `Memory.learn`.

    Args:
        session: the open vault.
        request: what is to be learnt.
        is_stopped: asked between steps; where it says yes, the round ends there.
        progress: told (steps taken, of how many) of each training.
    """
    at, started = session.clock(), time.monotonic()
    trainings = Trainings(session, request, is_stopped, progress)
    with suppress(IllegalMove):  # another round has
        for receipt in retire_outdated(session, request.scope):
            trainings.note_retired(receipt.cube_id, "a memory that it was made with has changed")
    seen = look(session, request)
    for adapter, why in seen.superfluous:
        trainings.retire(adapter.cube_id, why)
    keep_decisions(session, seen.plan, seen.held)
    retention, is_over = None, True
    try:
        clusters = clusters_of(session, seen)
        for cluster in _due(request, seen, clusters, at, trainings):
            trainings.check_going_on()
            trainings.learn(seen, cluster)
        _merge(seen, clusters, trainings)
        retention = _retention(session, request, trainings, at)
    except StoppedError:
        is_over = False
    now = standing(session, request)
    made = LearningRound(
        at=as_datetime(at),
        model=request.model.name,
        policy=seen.plan.policy,
        candidates=seen.plan.candidates,
        wanted=len(seen.plan.parametric),
        held=len(now.held & seen.memories.keys()),
        adapters=len(now.adapters),
        bytes=now.bytes,
        learnt=tuple(trainings.learnt),
        retired=tuple(trainings.retired),
        waiting=trainings.waiting,
        left=trainings.left + seen.beyond,
        unlearnable=tuple(trainings.unlearnable),
        left_out=tuple(seen.left_out),
        retention=retention,
        seconds=time.monotonic() - started,
        is_over=is_over,
    )
    return keep_round(session, request.scope, made) if made.has_changed else made


def _due(
    request: LearnRequest,
    seen: Look,
    clusters: Sequence[Cluster],
    at: int,
    trainings: Trainings,
) -> list[Cluster]:
    """The clusters that are learnt now, those with most that is not learnt first."""

    def is_now(cluster: Cluster) -> bool:
        arrived = (
            seen.memories[each].arrived for each in cluster.cube_ids if each not in cluster.learnt
        )
        waited = (at - min(arrived)) / 1_000_000
        return is_due(cluster, waited=waited, training=seen.standing.seconds)

    growing = [each for each in clusters if each.unlearnt]
    due = [each for each in growing if not request.waits or is_now(each)]
    trainings.waiting += sum(each.unlearnt for each in growing if each not in due)
    return sorted(due, key=lambda each: (-each.unlearnt, each.cube_ids))


def _merge(seen: Look, clusters: Sequence[Cluster], trainings: Trainings) -> None:
    """Have one adapter in the place of two about the same, where it passes the gate."""
    whole = [each for each in clusters if each.learnt and not each.unlearnt]
    for one, other in alike(whole):
        trainings.check_going_on()
        if frozenset((*one.cube_ids, *other.cube_ids)) not in seen.standing.refused:
            trainings.merge(seen, one, other)


def _retention(
    session: Session, request: LearnRequest, trainings: Trainings, at: int
) -> float | None:
    """Of what adapters know that this round has not trained; None where nothing has happened in it."""
    if not trainings.learnt and not trainings.retired:
        return None
    new = {each.adapter for each in trainings.learnt}
    earlier = [each for each in standing(session, request).adapters if each.cube_id not in new]
    draw = Random(at)  # noqa: S311 # no secret
    asked = draw.sample(earlier, min(len(earlier), MOST_ASKED))
    return share_retained(session, request.model, asked)
