"""A round of learning: what the policy wants learnt is put into clusters, and those that are due are distilled.

Nothing is gone by but what stands in the log: what adapters hold, what was refused, what was decided. So a round
that was cut off anywhere is gone on with by the next.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random

from memos.infrastructure.progress import Progress, no_progress
from memos.kernel.errors import Conflict, DistillationRefused
from memos.operation.adapter_manifest import Parent
from memos.operation.adapters.distil import Distillation, DistilRequest, distil
from memos.operation.adapters.retire import retire, retire_outdated
from memos.operation.cube import as_datetime
from memos.operation.learning.clusters import Cluster, alike
from memos.operation.learning.decisions import keep_decisions
from memos.operation.learning.due import is_due
from memos.operation.learning.look import Look, clusters_of, look, standing
from memos.operation.learning.record import keep_round
from memos.operation.learning.retention import share_retained
from memos.operation.learning.round import LearningRound, LearnRequest, Learnt, RetiredAdapter
from memos.operation.session import Session

MOST_REPLAYED, MOST_DISTRACTORS = 16, 8
"""Memories of other adapters, and of none, that an adapter is trained with."""
MOST_ASKED = 4
"""Earlier adapters that a round asks what they know still."""

IsStopped = Callable[[], bool]


class StoppedError(Exception):
    """The round is to end: what is trained just now is gone on with by the next."""


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
    return _Round(session, request, is_stopped, progress).run()


class _Round:
    """One round: what it has done so far."""

    def __init__(
        self, session: Session, request: LearnRequest, is_stopped: IsStopped, progress: Progress
    ) -> None:
        self._session = session
        self._request = request
        self._is_stopped = is_stopped
        self._progress = progress
        self._at = session.clock()
        self._started = time.monotonic()
        self._learnt: list[Learnt] = []
        self._retired: list[RetiredAdapter] = []
        self._unlearnable: list[tuple[str, int]] = []
        self._waiting = self._left = 0

    def run(self) -> LearningRound:
        session, request = self._session, self._request
        for receipt in retire_outdated(session, request.scope):
            self._note_retired(receipt.cube_id, "a memory that it was made with has changed")
        seen = look(session, request)
        for adapter, why in seen.superfluous:
            self._retire(adapter.cube_id, why)
        keep_decisions(session, seen.plan, frozenset().union(*(each.held for each in seen.kept)))
        is_over = True
        try:
            clusters = clusters_of(session, seen)
            for cluster in self._due(seen, clusters):
                self._check_going_on()
                self._learn(seen, cluster)
            self._merge(seen, clusters)
            retention = self._retention(seen)
        except StoppedError:
            is_over, retention = False, None
        return self._end(seen, retention, is_over=is_over)

    def _due(self, seen: Look, clusters: Sequence[Cluster]) -> list[Cluster]:
        """The clusters that are learnt now, those with most that is not learnt first."""
        growing = [each for each in clusters if each.unlearnt]
        due = [each for each in growing if not self._request.waits or self._is_due(seen, each)]
        self._waiting = sum(each.unlearnt for each in growing if each not in due)
        return sorted(due, key=lambda each: (-each.unlearnt, each.cube_ids))

    def _is_due(self, seen: Look, cluster: Cluster) -> bool:
        arrived = (
            seen.memories[each].arrived for each in cluster.cube_ids if each not in cluster.learnt
        )
        waited = (self._at - min(arrived)) / 1_000_000
        return is_due(cluster, waited=waited, training=seen.standing.seconds)

    def _learn(self, seen: Look, cluster: Cluster) -> None:
        """Distil a cluster, without what nothing can be asked about."""
        names = list(cluster.cube_ids)
        parents = [cluster.adapter] if cluster.adapter else []
        while set(names) - cluster.learnt:
            try:
                self._distil(seen, names, parents, "it has grown" if parents else "it is new")
            except DistillationRefused as error:
                self._note_refused(len(names), str(error))
                refused = [each for each in names if each in error.cube_ids or not error.cube_ids]
                self._unlearnable += [
                    (each, seen.memories[each].memory.version)
                    for each in refused
                    if each not in cluster.learnt
                ]
                names = [each for each in names if each not in refused]
            else:
                return

    def _distil(self, seen: Look, names: Sequence[str], parents: Sequence[str], why: str) -> bool:
        """Train one adapter in the place of others; whether it was promoted.

        Raises:
            DistillationRefused: nothing can be learnt.
        """
        session, request = self._session, self._request
        now = standing(session, request)
        sizes = {each.cube_id: each.manifest.size for each in now.adapters}
        taken = now.bytes + now.adapter_bytes - sum(sizes.get(each, 0) for each in parents)
        seconds = self._seconds_left()
        if taken > request.budget_bytes or (seconds is not None and seconds <= now.seconds):
            self._left += sum(each not in now.held for each in names)
            return False
        started = time.monotonic()
        versions = {each.cube_id: each.version for each in now.adapters}
        parent = Parent(parents[0], versions[parents[0]]) if parents else None
        try:
            made = distil(session, self._request_of(seen, names, parent, seconds))
        except Conflict:  # a memory has changed since: the next round learns it as it is then
            self._waiting += sum(each not in now.held for each in names)
            return False
        self._note(made, len(names), time.monotonic() - started, why)
        if made.promoted:
            for former in parents:
                if former != made.cube_id:
                    self._retire(former, "another adapter has taken its place")
            self._keep_within_budget(made)
            held = standing(session, request).held
            keep_decisions(session, seen.plan, held)
        return made.promoted

    def _request_of(
        self, seen: Look, names: Sequence[str], parent: Parent | None, seconds: float | None
    ) -> DistilRequest:
        request = self._request
        memory = seen.memories[names[0]]
        return DistilRequest(
            scope=memory.scope,
            cube_ids=tuple(names),
            distractors=_beside(seen, names),
            model=request.model,
            settings=request.settings,
            seconds=seconds,
            policy=seen.plan.policy,
            parent=parent,
            leaves_out=True,
            progress=self._step,
        )

    def _step(self, done: int, total: int) -> None:
        self._progress(done, total)
        self._check_going_on()

    def _check_going_on(self) -> None:
        if self._is_stopped():
            raise StoppedError

    def _keep_within_budget(self, made: Distillation) -> None:
        """What an adapter takes is known when it is trained."""
        now = standing(self._session, self._request)
        if now.bytes > self._request.budget_bytes:
            self._retire(made.cube_id, f"adapters take {now.bytes:,} bytes, beyond the budget")

    def _merge(self, seen: Look, clusters: Sequence[Cluster]) -> None:
        """Have one adapter in the place of two about the same, where it passes the gate."""
        whole = [each for each in clusters if each.adapter and not each.unlearnt]
        for one, other in alike(whole):
            self._check_going_on()
            names = [*one.cube_ids, *other.cube_ids]
            at = seen.standing.refused.get(frozenset(names))
            if at is None:
                self._distil(seen, names, [one.adapter, other.adapter], "two were about the same")

    def _retention(self, seen: Look) -> float | None:
        """Of adapters that this round has not trained, some are asked; each round others."""
        new = {each.adapter for each in self._learnt}
        earlier = [each for each in standing(self._session, self._request).adapters]
        earlier = [each for each in earlier if each.cube_id not in new]
        if not (self._learnt or self._retired) or not earlier:
            return None
        asked = Random(self._at).sample(earlier, min(len(earlier), MOST_ASKED))
        return share_retained(self._session, self._request.model, asked)

    def _end(self, seen: Look, retention: float | None, *, is_over: bool) -> LearningRound:
        session, request = self._session, self._request
        now = standing(session, request)
        made = LearningRound(
            at=as_datetime(self._at),
            model=request.model.name,
            policy=seen.plan.policy,
            candidates=seen.plan.candidates,
            wanted=len(seen.plan.parametric),
            held=len(now.held & seen.memories.keys()),
            adapters=len(now.adapters),
            bytes=now.bytes,
            learnt=tuple(self._learnt),
            retired=tuple(self._retired),
            waiting=self._waiting,
            left=self._left,
            unlearnable=tuple(self._unlearnable),
            retention=retention,
            seconds=time.monotonic() - self._started,
            is_over=is_over,
        )
        return keep_round(session, request.scope, made) if made.has_changed else made

    def _seconds_left(self) -> float | None:
        budget = self._request.budget_seconds
        return None if budget is None else budget - sum(each.seconds for each in self._learnt)

    def _retire(self, cube_id: str, why: str) -> None:
        retire(self._session, cube_id, None)
        self._note_retired(cube_id, why)

    def _note_retired(self, cube_id: str, why: str) -> None:
        self._retired.append(RetiredAdapter(adapter=cube_id, why=why))

    def _note_refused(self, memories: int, why: str) -> None:
        self._learnt.append(
            Learnt(
                adapter="",
                memories=memories,
                promoted=False,
                seconds=0.0,
                accuracy=None,
                retention=None,
                why=why,
            )
        )

    def _note(self, made: Distillation, memories: int, seconds: float, why: str) -> None:
        told = made.evaluation
        if told is None or not (made.is_new or made.promoted):
            return
        self._learnt.append(
            Learnt(
                adapter=made.cube_id,
                memories=memories,
                promoted=made.promoted,
                seconds=seconds,
                accuracy=told.accuracy,
                retention=told.retention,
                why=why if made.promoted else "; ".join(told.refusals),
            )
        )


def _beside(seen: Look, names: Sequence[str]) -> tuple[str, ...]:
    """What an adapter is trained with and does not hold: memories of others, which are replayed so that they
    stay, and some that no adapter holds. All of them are to last, and of one policy: what an adapter lists ends it.
    """
    policy = seen.memories[names[0]].memory.policy
    others = [
        name
        for name, each in seen.memories.items()
        if each.memory.policy == policy and name not in names
    ]
    held = seen.standing.held
    draw = Random(names[0])  # noqa: S311 # no secret
    replayed = [each for each in others if each in held]
    new = [each for each in others if each not in held]
    return (
        *draw.sample(replayed, min(len(replayed), MOST_REPLAYED)),
        *draw.sample(new, min(len(new), MOST_DISTRACTORS)),
    )
