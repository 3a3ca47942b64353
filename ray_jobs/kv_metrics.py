"""What pools and their router have done, for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from prometheus_client.core import Metric

from ray_jobs.metrics import ReplicaMetrics, ReplicaState


class KvMetrics(ReplicaMetrics):
    """See `ReplicaMetrics`.

    Args:
        most: how many pools there may be.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._router: Mapping[str, Any] = {"in_flight": {}, "diverted": 0, "unrouted": 0}
        super().__init__("kv", "pool")

    def set(self, pools: Sequence[ReplicaState], router: Mapping[str, Any]) -> None:
        """What was seen just now.

        Args:
            pools: all that there are to be.
            router: its `RouterFigures`.
        """
        self._router = router
        self.set_replicas(pools)

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client`."""
        yield from super().collect()
        yield from self._of_pools()
        yield self.gauge("pools_most", "Pools there may be.", (), [((), self._most)])
        router = self._router
        in_flight = [((name,), load) for name, load in router["in_flight"].items()]
        yield self.gauge("requests", "Requests given to a pool and not ended.", _POOL, in_flight)
        yield self.counter(
            "diverted", "Requests another pool took.", (), [((), router["diverted"])]
        )
        yield self.counter("unrouted", "Requests without a pool.", (), [((), router["unrouted"])])

    def _of_pools(self) -> Iterator[Metric]:
        known = [(pool.name, pool.figures) for pool in self.replicas if pool.figures is not None]
        for name, text in _COUNTED.items():
            yield self.counter(name, text, _POOL, [((pool,), told[name]) for pool, told in known])
        for name, (text, label) in _COUNTED_BY.items():
            counted = [((pool, of), n) for pool, told in known for of, n in told[name].items()]
            yield self.counter(name, text, ("pool", label), counted)
        held = [((pool, of), n) for pool, told in known for of, n in told["bytes"].items()]
        yield self.gauge("bytes", "Bytes of segments.", ("pool", "tier"), held)
        saved = [((pool,), told["saved_milliseconds"] / 1e3) for pool, told in known]
        yield self.gauge("saved_seconds", "Computing that hits saved, less loading.", _POOL, saved)


_POOL = ("pool",)
_COUNTED = {
    "answers": "Requests answered by computing.",
    "repeated": "Requests that came again, answered from memory.",
    "stopped": "Answers ended early.",
    "misses": "Segments that had to be computed.",
    "withdrawn": "Segments taken out on demand.",
}
_COUNTED_BY = {
    "failed": ("Requests that ended in an error.", "error"),
    "hits": ("Segments read instead of computed.", "tier"),
    "refused": ("Segments the pool did not take.", "reason"),
    "evictions": ("Segments a tier let go to make room.", "tier"),
    "lost_files": ("Files that were not or could not be kept.", "reason"),
}
