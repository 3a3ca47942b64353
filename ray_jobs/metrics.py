"""What the metrics of a model's processes share, for Prometheus."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

SILENT_SECONDS = 60.0
"""A process that has not looked at its replicas for so long counts as dead."""

Samples = Iterable[tuple[Sequence[str], float]]


class ReplicaState(NamedTuple):
    """A pool or a distiller at one moment.

    Attributes:
        name: its own.
        restarts: how often it was started again.
        figures: what it tells of itself; None where it does not answer.
    """

    name: str
    restarts: int
    figures: Mapping[str, Any] | None


class ReplicaMetrics(Collector):
    """The newest figures, as they are asked for. Counters of a replica begin anew when it does.

    Args:
        kind: what the names of its metrics begin with, and the label that names a replica.
    """

    def __init__(self, prefix: str, kind: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._prefix = prefix
        self.label = (kind,)
        self.replicas: Sequence[ReplicaState] = ()
        self._beat = time.monotonic()
        self.registry.register(self)

    def set_replicas(self, replicas: Sequence[ReplicaState]) -> None:
        """What was seen just now: all that there are to be."""
        self.replicas = replicas
        self._beat = time.monotonic()

    @property
    def problem(self) -> str:
        """Why nothing is done; empty where it is."""
        (kind,) = self.label
        if time.monotonic() - self._beat > SILENT_SECONDS:
            return f"the {kind}s are not looked after"
        if not any(replica.figures is not None for replica in self.replicas):
            return f"no {kind} answers"
        return ""

    def collect(self) -> Iterator[Metric]:
        """See `prometheus_client`."""
        (kind,) = self.label
        up = [((each.name,), int(each.figures is not None)) for each in self.replicas]
        yield self.gauge(f"{kind}_up", "1: it answers.", self.label, up)
        restarts = [((each.name,), each.restarts) for each in self.replicas]
        yield self.counter(
            "restarts", f"Times that a {kind} was started again.", self.label, restarts
        )

    def gauge(self, name: str, text: str, labels: Sequence[str], samples: Samples) -> Metric:
        """A figure that goes up and down."""
        family = GaugeMetricFamily(f"memos_{self._prefix}_{name}", text, labels=labels)
        for values, value in samples:
            family.add_metric(values, value)
        return family

    def counter(self, name: str, text: str, labels: Sequence[str], samples: Samples) -> Metric:
        """A figure that grows."""
        family = CounterMetricFamily(f"memos_{self._prefix}_{name}", text, labels=labels)
        for values, value in samples:
            family.add_metric(values, value)
        return family
