"""Clusters distilled within a budget, and what came of each."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from random import Random

from memos.infrastructure.chat_models.adapting import Role
from memos.infrastructure.progress import Progress
from memos.kernel.errors import Conflict, DistillationRefused, IllegalMove, NotFound
from memos.operation.adapter_manifest import Parent
from memos.operation.adapters.distil import distil
from memos.operation.adapters.distillation import Distillation, DistilRequest
from memos.operation.adapters.retire import retire
from memos.operation.learning.clusters import Cluster
from memos.operation.learning.decisions import keep_decisions
from memos.operation.learning.look import Look, standing
from memos.operation.learning.round import LearnRequest, Learnt, RetiredAdapter
from memos.operation.learning.standing import Standing
from memos.operation.session import Session

MOST_REPLAYED, MOST_DISTRACTORS = 16, 8
"""Memories of other adapters, and of none, that an adapter is trained with."""

IsStopped = Callable[[], bool]


class StoppedError(Exception):
    """The round is to end: what is trained just now is gone on with by the next."""


class Trainings:
    """The trainings of a round.

    Args:
        session: the open vault.
        request: what is to be learnt.
        is_stopped: asked between steps.
        progress: told (steps taken, of how many) of each training.

    Attributes:
        learnt, retired, unlearnable, waiting, left: as of `LearningRound`, so far.
    """

    def __init__(
        self, session: Session, request: LearnRequest, is_stopped: IsStopped, progress: Progress
    ) -> None:
        self._session = session
        self._request = request
        self._is_stopped = is_stopped
        self._progress = progress
        self.learnt: list[Learnt] = []
        self.retired: list[RetiredAdapter] = []
        self.unlearnable: list[tuple[str, int]] = []
        self.waiting = self.left = 0

    def check_going_on(self) -> None:
        """Go on, unless the round is to end.

        Raises:
            StoppedError: it is.
        """
        if self._is_stopped():
            raise StoppedError

    def learn(self, seen: Look, cluster: Cluster) -> None:
        """Distil a cluster, in the place of its former adapter, without what nothing can be asked about.

        Raises:
            StoppedError: the round is to end.
        """
        names = list(cluster.cube_ids)
        parents = [cluster.adapter] if cluster.adapter else []
        why = "more of its memories have arrived" if parents else "it is new"
        while set(names) - cluster.learnt:
            try:
                self.distil(seen, names, parents, why)
            except DistillationRefused as error:
                refused = error.cube_ids or tuple(set(names) - cluster.learnt)
                self._note_refused(seen, refused, str(error))
                names = [each for each in names if each not in refused]
            else:
                return

    def distil(self, seen: Look, names: Sequence[str], parents: Sequence[str], why: str) -> None:
        """Train one adapter in the place of others, and retire these where it passes the gate.

        Raises:
            DistillationRefused: nothing can be learnt.
            StoppedError: the round is to end.
        """
        now = standing(self._session, self._request)
        new = sum(each not in now.held for each in names)
        if not self._fits(now, parents):
            self.left += new
            return
        asked = self._request_of(seen, names, _parent(now, parents))
        started = time.monotonic()
        try:
            _check_unchanged(self._session, asked)
            made = distil(self._session, asked)
        except Conflict:  # a memory has changed since: the next round learns it as it is then
            self.waiting += new
            return
        if made.is_new:
            self._note(made, len(names), time.monotonic() - started, why)
        if made.promoted:
            self._settle(seen, made, [each for each in parents if each != made.cube_id])

    def merge(self, seen: Look, one: Cluster, other: Cluster) -> None:
        """Have one adapter in the place of two, where it passes the gate.

        Raises:
            StoppedError: the round is to end.
        """
        names = [*one.cube_ids, *other.cube_ids]
        try:
            self.distil(seen, names, [one.adapter, other.adapter], "two were about the same")
        except DistillationRefused as error:
            self._note_unmade(len(names), str(error))

    def retire(self, cube_id: str, why: str) -> None:
        """End an adapter, unless another has."""
        try:
            retire(self._session, cube_id, None)
        except (IllegalMove, NotFound):
            return
        self.note_retired(cube_id, why)

    def note_retired(self, cube_id: str, why: str) -> None:
        """Tell of an adapter that was retired."""
        self.retired.append(RetiredAdapter(adapter=cube_id, why=why))

    def _fits(self, now: Standing, parents: Sequence[str]) -> bool:
        """Whether one training more is within the budget, by what former ones took; the first is in any case.
        A training is not cut short: the gate would refuse memories that have done nothing wrong.
        """
        budget, taken = self._request, sum(each.seconds for each in self.learnt)
        freed = sum(each.manifest.size for each in now.adapters if each.cube_id in parents)
        in_time = budget.budget_seconds is None or taken + now.seconds < budget.budget_seconds
        return in_time and now.bytes + now.adapter_bytes - freed <= budget.budget_bytes

    def _request_of(self, seen: Look, names: Sequence[str], parent: Parent | None) -> DistilRequest:
        return DistilRequest(
            scope=seen.memories[names[0]].scope,
            cube_ids=tuple(names),
            distractors=_beside(seen, names),
            model=self._request.model,
            settings=self._request.settings,
            policy=seen.plan.policy,
            parent=parent,
            leaves_out=True,
            progress=self._step,
        )

    def _step(self, done: int, total: int) -> None:
        self._progress(done, total)
        self.check_going_on()

    def _settle(self, seen: Look, made: Distillation, parents: Sequence[str]) -> None:
        """What follows from a promotion."""
        session, request = self._session, self._request
        for former in parents:
            self.retire(former, "another adapter has taken its place")
        now = standing(session, request)
        if now.bytes > request.budget_bytes:  # what an adapter takes is known when it is trained
            self.retire(made.cube_id, f"adapters take {now.bytes:,} bytes, beyond the budget")
            now = standing(session, request)
            sources = (each.cube_id for each in made.memories if each.role == Role.SOURCE)
            self.left += sum(each not in now.held for each in sources)
        keep_decisions(session, seen.plan, now.held)

    def _note(self, made: Distillation, memories: int, seconds: float, why: str) -> None:
        told = made.evaluation
        self.learnt.append(
            Learnt(
                adapter=made.cube_id,
                memories=memories,
                promoted=made.promoted,
                seconds=seconds,
                accuracy=None if told is None else told.accuracy,
                retention=None if told is None else told.retention,
                why=why if made.promoted or told is None else "; ".join(told.refusals),
            )
        )

    def _note_refused(self, seen: Look, names: Sequence[str], why: str) -> None:
        self.unlearnable += [(each, seen.memories[each].memory.version) for each in sorted(names)]
        self._note_unmade(len(names), why)

    def _note_unmade(self, memories: int, why: str) -> None:
        self.learnt.append(
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


def _parent(now: Standing, parents: Sequence[str]) -> Parent | None:
    """The adapter whose place another one takes."""
    versions = {each.cube_id: each.version for each in (*now.former, *now.adapters)}
    return next((Parent(each, versions[each]) for each in parents if each in versions), None)


def _check_unchanged(session: Session, request: DistilRequest) -> None:
    """Refuse memories that are no longer of one policy, as they were when they were put together: that says
    nothing of what can be learnt.

    Raises:
        Conflict: they are not.
    """
    try:
        distil(session, request, dry_run=True)
    except DistillationRefused as error:
        raise Conflict(str(error), 0) from error


def _beside(seen: Look, names: Sequence[str]) -> tuple[str, ...]:
    """What an adapter is trained with and does not hold: memories of others, which are replayed so that they
    stay, and some that no adapter holds. All of them are to last, and of one policy: what an adapter lists ends
    it when it changes.
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
