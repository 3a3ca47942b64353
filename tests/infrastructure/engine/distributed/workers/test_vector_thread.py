"""The thread that embeds: it outlives what passes, and its end is no secret."""

from __future__ import annotations

from typing import Any, cast

import pytest

from memos.infrastructure.engine.distributed.workers.vector_thread import VectorThread
from memos.infrastructure.engine.distributed.workers.vectors import VectorIndexer
from memos.kernel.errors import EmbeddingFailed
from tests.waiting import wait_until


class Indexer:
    """Raises one error after the other, and then has nothing to do."""

    def __init__(self, *errors: Exception) -> None:
        self.errors = list(errors)
        self.rests = 0

    def try_again(self, partition: int) -> None:
        if self.errors:
            raise self.errors.pop(0)

    def behind(self, partitions: list[int]) -> list[int]:
        return []

    def step(self, partition: int) -> int:
        return 0

    def settle(self) -> None:
        self.rests += 1


def started(indexer: Indexer) -> VectorThread:
    thread = VectorThread(cast(VectorIndexer, cast(Any, indexer)), lambda: [0])
    thread.start()
    return thread


def test_a_model_that_fails_for_a_while_is_no_problem_of_the_thread() -> None:
    indexer = Indexer(EmbeddingFailed("away"), EmbeddingFailed("away"))
    thread = started(indexer)
    wait_until(lambda: indexer.rests > 0)
    assert thread.problem == ""
    thread.close()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_fault_that_ends_the_thread_is_told_as_the_workers_problem() -> None:
    thread = started(Indexer(RuntimeError("a fault")))
    wait_until(lambda: thread.problem != "")
    assert "the thread that embeds has ended" in thread.problem
    thread.close()
