"""What pools and their router have done, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

SILENT_SECONDS = 60.0
"""A process that has not looked at its pools for so long counts as dead."""


class PoolState(NamedTuple):
    """A pool at one moment.

    Attributes:
        name: the pool's.
        restarts: how often it was started again.
        figures: of `ServerFigures`; None where it does not answer.
    """

    name: str
    restarts: int
    figures: Mapping[str, Any] | None


class KvMetrics(Collector):
    """The newest figures, as they are asked for. Counters of a pool begin anew when it does.

    Args:
        most: how many pools there may be.
    """

    def __init__(self, most: int) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._most = most
        self._pools: Sequence[PoolState] = ()
        self._router: Mapping[str, Any] = {"in_flight": {}, "diverted": 0, "unrouted": 0}
        self._beat = time.monotonic()
        self.registry.register(self)

    def set(self, pools: Sequence[PoolState], router: Mapping[str, Any]) -> None:
        """What was seen just now.

        Args:
            pools: all that there are to be.
            router: its `RouterFigures`.
        """
        self._pools, self._router = pools, router
        self._beat = time.monotonic()

    @property
    def problem(self) -> str:
        """Why nothing is answered; empty where it is."""
        if time.monotonic() - self._beat > SILENT_SECONDS:
            return "the pools are not looked after"
        if not any(pool.figures is not None for pool in self._pools):
            return "no pool answers"
        return ""

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client`."""
        yield from self._of_pools()
        yield _gauge("pools_most", "Pools there may be.", (), [((), self._most)])
        router = self._router
        in_flight = [((name,), load) for name, load in router["in_flight"].items()]
        yield _gauge("requests", "Requests given to a pool and not ended.", _POOL, in_flight)
        yield _counter("diverted", "Requests another pool took.", (), [((), router["diverted"])])
        yield _counter("unrouted", "Requests without a pool.", (), [((), router["unrouted"])])

    def _of_pools(self) -> Iterator[Metric]:
        pools = self._pools
        up = [((pool.name,), int(pool.figures is not None)) for pool in pools]
        yield _gauge("pool_up", "1: it answers.", _POOL, up)
        restarts = [((pool.name,), pool.restarts) for pool in pools]
        yield _counter("restarts", "Times that a pool was started again.", _POOL, restarts)
        known = [(pool.name, pool.figures) for pool in pools if pool.figures is not None]
        for name, text in _COUNTED.items():
            yield _counter(name, text, _POOL, [((pool,), told[name]) for pool, told in known])
        for name, (text, label) in _COUNTED_BY.items():
            counted = [((pool, of), n) for pool, told in known for of, n in told[name].items()]
            yield _counter(name, text, ("pool", label), counted)
        held = [((pool, of), n) for pool, told in known for of, n in told["bytes"].items()]
        yield _gauge("bytes", "Bytes of segments.", ("pool", "tier"), held)
        saved = [((pool,), told["saved_milliseconds"] / 1e3) for pool, told in known]
        yield _gauge("saved_seconds", "Computing that hits saved, less loading.", _POOL, saved)


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

_Samples = Iterable[tuple[Sequence[str], float]]


def _gauge(name: str, text: str, labels: Sequence[str], samples: _Samples) -> Metric:
    family = GaugeMetricFamily(f"memos_kv_{name}", text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family


def _counter(name: str, text: str, labels: Sequence[str], samples: _Samples) -> Metric:
    family = CounterMetricFamily(f"memos_kv_{name}", text, labels=labels)
    for values, value in samples:
        family.add_metric(values, value)
    return family
