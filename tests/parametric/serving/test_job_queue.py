"""Jobs in a queue: once each, first come first served, and tried again where a distiller dies."""

from __future__ import annotations

import pytest

from memos.parametric.serving.job_queue import (
    MOST_ATTEMPTS,
    PATIENCE_SECONDS,
    Became,
    JobQueue,
    JobRequest,
    JobState,
    QueuedJob,
)

REQUEST = JobRequest(b"box", b"key")
OUTCOME = {"sha256": b"digest"}


@pytest.fixture
def queue() -> JobQueue:
    made = JobQueue()
    for job_id in (b"first", b"second"):
        made.submit(job_id, REQUEST, 0.0)
    return made


def taken(queue: JobQueue, distiller: str = "one", now: float = 1.0) -> QueuedJob:
    job = queue.take(distiller, now)
    assert job is not None
    return job


def test_jobs_are_taken_in_turn_and_one_that_is_asked_for_twice_once(queue: JobQueue) -> None:
    queue.submit(b"first", JobRequest(b"another box", b"another key"), 0.5)
    assert taken(queue).job_id == b"first"
    queue.submit(b"first", REQUEST, 1.0)
    job = taken(queue)
    assert (job.job_id, job.request) == (b"second", REQUEST)
    assert queue.take("one", 1.0) is None


def test_every_change_is_news_to_those_who_wait(queue: JobQueue) -> None:
    job = queue.look(b"first", 0.0)
    assert job is not None
    revisions = [job.revision]
    taken(queue)
    revisions.append(job.revision)
    queue.advance(b"first", 3, 10, 2.0)
    assert (job.done, job.total) == (3, 10)
    revisions.append(job.revision)
    queue.end(job, Became.LEARNT, OUTCOME, 2.5)
    assert (job.outcome, job.request.box) == (OUTCOME, b"")
    revisions.append(job.revision)
    assert revisions == sorted(set(revisions))


def test_one_that_ended_is_done_again_where_it_is_asked_for_again(queue: JobQueue) -> None:
    job = taken(queue)
    queue.end(job, Became.LEARNT, OUTCOME, 1.0)
    queue.submit(b"first", REQUEST, 2.0)
    again = queue.look(b"first", 2.0)
    assert again is not None
    assert (again.state, again.outcome) == (JobState.WAITING, None)
    assert again.revision > job.revision


def test_a_job_whose_distiller_dies_is_the_next_one_and_given_up_after_several(
    queue: JobQueue,
) -> None:
    for attempt in range(MOST_ATTEMPTS):
        job = taken(queue)
        assert job.job_id == b"first"
        assert queue.lose(job) is (attempt < MOST_ATTEMPTS - 1)
    assert taken(queue).job_id == b"second"
    assert queue.figures(1.0).lost == MOST_ATTEMPTS


def test_what_nobody_waits_for_is_not_begun_and_what_is_running_runs_on(queue: JobQueue) -> None:
    running = taken(queue, now=1.0)
    late = PATIENCE_SECONDS + 1
    assert queue.take("one", late) is None
    assert queue.look(b"second", late) is None
    assert queue.look(b"first", late) is running
    told = queue.figures(late)
    assert (told.waiting, told.running, told.abandoned) == (0, 1, 1)
    assert told.quiet_seconds == PATIENCE_SECONDS


def test_whoever_waits_keeps_a_job_in_the_queue(queue: JobQueue) -> None:
    for now in range(0, 200, 20):
        assert queue.look(b"second", float(now)) is not None
    assert taken(queue, now=200.0).job_id == b"second"


def test_a_job_that_a_distiller_is_found_at_is_for_no_other_one(queue: JobQueue) -> None:
    queue.reserve("one", b"first")
    assert taken(queue, "other").job_id == b"second"
    assert queue.take("other", 1.0) is None
    assert taken(queue, "one").job_id == b"first"
    queue.reserve("one", None)
    queue.submit(b"third", REQUEST, 1.0)
    assert taken(queue, "other").job_id == b"third"


def test_figures_tell_what_became_of_jobs(queue: JobQueue) -> None:
    queue.end(taken(queue), Became.REFUSED, {}, 2.0)
    queue.end(taken(queue), Became.LEARNT, OUTCOME, 3.0)
    told = queue.figures(9.0)
    assert {became: count for became, count in told.ended.items() if count} == {
        "refused": 1,
        "learnt": 1,
    }
    assert len(told.ended) == len(Became)
    assert (told.seconds, told.quiet_seconds) == (5.0, 0.0)
