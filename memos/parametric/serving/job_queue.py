"""The jobs that wait for a distiller, are with one, or have ended just now: once each, whoever asks for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

MOST_ATTEMPTS = 3
"""A job that so many distillers died under is given up: it may be what they died of."""

PATIENCE_SECONDS = 60.0
"""Nobody waits for a job that was not asked after for so long."""


class JobState(StrEnum):
    """Where a job is. ENDED: whoever waits is told what became of it."""

    WAITING = "waiting"
    RUNNING = "running"
    ENDED = "ended"


class Became(StrEnum):
    """What became of a job.

    LEARNT: an adapter, which is kept. REJECTED: one that the gate did not let pass. PROBED: an adapter's answers.
    REFUSED: there is nothing that can be learnt. FAILED: nothing, for another reason.
    """

    LEARNT = "learnt"
    REJECTED = "rejected"
    PROBED = "probed"
    REFUSED = "refused"
    FAILED = "failed"


class JobRequest(NamedTuple):
    """What is asked of a distiller; the job itself is sealed, and nothing here reads it.

    Attributes:
        box: the job.
        key: which opens it.
        adapter: SHA-256 and seal of the adapter that is asked about its memories; None where one is to be trained.
    """

    box: bytes
    key: bytes
    adapter: tuple[bytes, bytes] | None = None


@dataclass(slots=True)
class QueuedJob:
    """A job, to which callers come back until it has ended.

    Attributes:
        job_id: names it: equal jobs are one.
        request: for a distiller.
        state: where it is.
        done, total: steps taken, of how many; 0 of 0 where none was told yet.
        outcome: what became of it.
        revision: grows with every change of these.
        losses: distillers that died under it.
        heard: when somebody asked after it last, in monotonic seconds.
        moved: when it was begun, or got on last.
    """

    job_id: bytes
    request: JobRequest
    heard: float
    state: JobState = JobState.WAITING
    done: int = 0
    total: int = 0
    outcome: Mapping[str, Any] | None = None
    revision: int = 0
    losses: int = 0
    moved: float = 0.0


class QueueFigures(NamedTuple):
    """What a queue has done since its start, and what it holds.

    Attributes:
        waiting, running: jobs.
        ended: jobs, by what became of them.
        seconds: that distillers took for those.
        abandoned: jobs that nobody waited for any more before they were begun.
        lost: times that a distiller died under a job.
        quiet_seconds: for how long the job that has not got on for longest has not.
    """

    waiting: int
    running: int
    ended: Mapping[str, int]
    seconds: float
    abandoned: int
    lost: int
    quiet_seconds: float


@dataclass(slots=True)
class JobQueue:
    """First come, first served. It writes nothing: how far a job has come is on disk, with whoever trains it, and
    a queue that begins anew is told of jobs by those who wait for them. Times are monotonic seconds.
    """

    _jobs: dict[bytes, QueuedJob] = field(default_factory=dict)
    _waiting: list[QueuedJob] = field(default_factory=list)
    _ended: Counter[str] = field(default_factory=Counter)
    _seconds: float = 0.0
    _counts: Counter[str] = field(default_factory=Counter)
    _reserved: dict[bytes, str] = field(default_factory=dict)

    def submit(self, job_id: bytes, request: JobRequest, now: float) -> None:
        """Have a job done, unless it is waited for already. One that ended is done again: a distiller tells at
        once what is kept.
        """
        job = self._jobs.get(job_id)
        if job is not None and job.state is not JobState.ENDED:
            job.heard = now
            return
        revision = 0 if job is None else job.revision + 1
        self._jobs[job_id] = made = QueuedJob(job_id, request, now, revision=revision)
        self._waiting.append(made)

    def look(self, job_id: bytes, now: float) -> QueuedJob | None:
        """A job as it is, for who waits for it; None where it is not known, and has to be told again."""
        job = self._jobs.get(job_id)
        if job is not None:
            job.heard = now
        return job

    def reserve(self, distiller: str, job_id: bytes | None) -> None:
        """What a distiller was found to be at when this queue began: the job is for no other one."""
        self._reserved = {one: name for one, name in self._reserved.items() if name != distiller}
        if job_id is not None:
            self._reserved[job_id] = distiller

    def take(self, distiller: str, now: float) -> QueuedJob | None:
        """The next job that somebody waits for, for a distiller."""
        self._let_go(now)
        for job in self._waiting:
            if self._reserved.get(job.job_id, distiller) == distiller:
                self._waiting.remove(job)
                job.state, job.moved = JobState.RUNNING, now
                job.revision += 1
                return job
        return None

    def advance(self, job_id: bytes, done: int, total: int, now: float) -> None:
        """A distiller has taken steps."""
        job = self._jobs.get(job_id)
        if job is not None and job.state is JobState.RUNNING:
            job.done, job.total, job.moved = done, total, now
            job.revision += 1

    def end(
        self, job: QueuedJob, became: Became, outcome: Mapping[str, Any], seconds: float
    ) -> None:
        """A job has ended.

        Args:
            job: which was taken.
            became: what became of it.
            outcome: for those who wait.
            seconds: that it took.
        """
        job.state, job.outcome = JobState.ENDED, outcome
        job.request = job.request._replace(box=b"")
        job.revision += 1
        self._ended[became] += 1
        self._seconds += seconds

    def lose(self, job: QueuedJob) -> bool:
        """A distiller died under a job: it is the next again, in front of those that wait; or, after several, it is
        not, and has to be ended.
        """
        self._counts["lost"] += 1
        job.losses += 1
        if job.losses >= MOST_ATTEMPTS:
            return False
        job.state = JobState.WAITING
        job.revision += 1
        self._waiting.insert(0, job)
        return True

    def figures(self, now: float) -> QueueFigures:
        """What it has done, and what it holds."""
        self._let_go(now)
        running = [each for each in self._jobs.values() if each.state is JobState.RUNNING]
        return QueueFigures(
            waiting=len(self._waiting),
            running=len(running),
            ended={became: self._ended[became] for became in Became},
            seconds=self._seconds,
            abandoned=self._counts["abandoned"],
            lost=self._counts["lost"],
            quiet_seconds=max((now - each.moved for each in running), default=0.0),
        )

    def _let_go(self, now: float) -> None:
        """Forget what nobody waits for. A job that is running runs to its end: what it learns is kept."""
        for job in list(self._jobs.values()):
            if job.state is not JobState.RUNNING and now - job.heard > PATIENCE_SECONDS:
                del self._jobs[job.job_id]
                if job.state is JobState.WAITING:
                    self._waiting.remove(job)
                    self._counts["abandoned"] += 1
