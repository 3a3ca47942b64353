"""What distillers and their queue have done, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import Metric

from memos.parametric.serving.job_queue import JobQueue
from ray_jobs.metrics import ReplicaMetrics, ReplicaState


class DistillMetrics(ReplicaMetrics):
    """See `ReplicaMetrics`. Counters of the queue begin anew when it does."""

    def __init__(self) -> None:
        self._queue: Mapping[str, Any] = JobQueue().figures(0.0)._asdict()
        super().__init__("distill", "distiller")

    def set(self, distillers: Sequence[ReplicaState], queue: Mapping[str, Any]) -> None:
        """What was seen just now.

        Args:
            distillers: all that there are to be.
            queue: its `QueueFigures`.
        """
        self._queue = queue
        self.set_replicas(distillers)

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client`."""
        yield from super().collect()
        queue = self._queue
        for name, text in _HELD.items():
            yield self.gauge(name, text, (), [((), queue[name])])
        for name, text in _COUNTED.items():
            yield self.counter(name, text, (), [((), queue[name])])
        ended = [((became,), count) for became, count in queue["ended"].items()]
        yield self.counter("ended", "Jobs, by what became of them.", ("became",), ended)


_HELD = {
    "waiting": "Jobs that wait for a distiller.",
    "running": "Jobs that a distiller is at.",
    "quiet_seconds": "For how long the job that has not got on for longest has not.",
}
_COUNTED = {
    "seconds": "Seconds that distillers took for jobs that ended.",
    "lost": "Times that a distiller died under a job.",
    "abandoned": "Jobs nobody waited for any more before they were begun.",
}
