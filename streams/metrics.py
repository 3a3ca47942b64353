"""A worker's Prometheus metrics, and whether it is alive."""

from __future__ import annotations

import time
from collections.abc import Iterable

from prometheus_client import CollectorRegistry, Gauge, Histogram, ProcessCollector
from prometheus_client import Counter as PrometheusCounter

from memos.infrastructure.engine.distributed.workers.port import ProjectionStatus

SILENT_SECONDS = 30.0
"""A worker whose loop has not run for this long counts as dead."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics of one worker; times are in seconds, `partition` is the log's."""

    def __init__(self, worker: str, *, takes_partitions: bool = True) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)  # memory, processor time, open files
        self._worker = worker
        self._takes_partitions = takes_partitions
        self._owned: frozenset[int] = frozenset()
        self._stopped_now: frozenset[int] = frozenset()
        self._problem = ""
        self._beat = time.monotonic()
        by = ("worker", "partition")
        self._lag = self._gauge("lag_records", "Records of the log not yet taken.", by)
        self._behind = self._gauge("behind_seconds", "Age of the oldest record that waits.", by)
        self._taken_at = self._gauge("checkpoint_time_seconds", "When a batch was last taken.", by)
        self._stopped = self._gauge("stopped_partitions", "1: stopped until somebody acts.", by)
        self._records = self._counter("records", "Records taken.", by)
        self._assigned = self._gauge("assigned_partitions", "Partitions of this process.", by[:1])
        self._waits = self._counter(
            "wait_seconds",
            "Time that batches waited for a server or another worker.",
            (*by, "error"),
        )
        self._generation = self._gauge("generation", "Of the tables that are written to.", by[:1])
        self._status = {
            "set_aside": self._gauge("set_aside_records", "Refused while others go on.", by[:1]),
            "embedding": self._gauge("embedding_lag_records", "Records not yet embedded.", by[:1]),
            "erases": self._gauge("erases_under_way", "Erases that have not ended.", by[:1]),
        }
        self._retries = self._counter("retries", "Batches taken again, by error.", (*by, "error"))
        self._undecodable = self._gauge("dead_letters", "Records that were no events.", by[:1])
        self._batch = Histogram(
            "memos_worker_batch_seconds",
            "How long a batch took, retries included.",
            by[:1],
            registry=self.registry,
            buckets=_SECONDS,
        ).labels(worker)

    def beat(self) -> None:
        """Note that the worker's loop runs."""
        self._beat = time.monotonic()

    @property
    def alive(self) -> bool:
        """Whether the loop ran lately."""
        return time.monotonic() - self._beat < SILENT_SECONDS

    @property
    def problem(self) -> str:
        """Why the worker does not do what it should; empty where it does."""
        if not self.alive:
            return "the worker's loop hangs"
        if self._takes_partitions and not self._owned:
            return "no partition is assigned to this worker"
        if self._stopped_now:
            stopped = ", ".join(map(str, sorted(self._stopped_now)))
            return f"partitions that stopped, see the worker's log: {stopped}"
        return self._problem

    def set_partitions(self, owned: Iterable[int], stopped: Iterable[int]) -> None:
        """Which partitions are this process's, and which of them stopped."""
        self._owned, self._stopped_now = frozenset(owned), frozenset(stopped)
        self._assigned.labels(self._worker).set(len(self._owned))

    def set_generation(self, number: int) -> None:
        """Into which generation of tables the worker writes."""
        self._generation.labels(self._worker).set(number)

    def set_status(self, status: ProjectionStatus) -> None:
        """How the worker's projection stands."""
        self._problem = status.problem
        for name, gauge in self._status.items():
            count = getattr(status, name)
            if count is not None:
                gauge.labels(self._worker).set(count)

    def waited(self, partition: int, error: BaseException, seconds: float) -> None:
        """A batch waited for a server or another worker."""
        self._waits.labels(self._worker, str(partition), type(error).__name__).inc(seconds)

    def batch_taken(self, partition: int, records: int, seconds: float) -> None:
        """A batch was taken."""
        labels = (self._worker, str(partition))
        self._records.labels(*labels).inc(records)
        self._taken_at.labels(*labels).set(time.time())
        self._batch.observe(seconds)

    def set_waiting(self, partition: int, lag: int, behind: float) -> None:
        """How much waits in a partition, and for how long the oldest of it."""
        self._lag.labels(self._worker, str(partition)).set(lag)
        self._behind.labels(self._worker, str(partition)).set(behind)

    def batch_retried(self, partition: int, error: BaseException) -> None:
        """A batch failed and is taken again."""
        self._retries.labels(self._worker, str(partition), type(error).__name__).inc()

    def set_stopped(self, partition: int, *, now: bool) -> None:
        """A partition is stopped, or goes on."""
        self._stopped.labels(self._worker, str(partition)).set(int(now))

    def set_undecodable(self, records: int) -> None:
        """How many records were no events, since the start."""
        self._undecodable.labels(self._worker).set(records)

    def forget_partition(self, partition: int) -> None:
        """The partition is another worker's."""
        for gauge in (self._lag, self._behind, self._stopped, self._taken_at):
            gauge.remove_by_labels({"worker": self._worker, "partition": str(partition)})

    def _gauge(self, name: str, text: str, labels: tuple[str, ...]) -> Gauge:
        return Gauge(f"memos_worker_{name}", text, labels, registry=self.registry)

    def _counter(self, name: str, text: str, labels: tuple[str, ...]) -> PrometheusCounter:
        return PrometheusCounter(f"memos_worker_{name}", text, labels, registry=self.registry)
