"""A worker's Prometheus metrics, and whether it is alive, over HTTP."""

from __future__ import annotations

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    Gauge,
    Histogram,
    generate_latest,
)
from prometheus_client import Counter as PrometheusCounter

SILENT_SECONDS = 30.0
"""A worker whose loop has not run for this long counts as dead."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)


class Metrics:
    """The metrics of one worker; times are in seconds, `partition` is the log's."""

    def __init__(self, worker: str) -> None:
        self.registry = CollectorRegistry()
        self._worker = worker
        self._beat = time.monotonic()
        by = ("worker", "partition")
        self._lag = self._gauge("lag_records", "Records of the log not yet taken.", by)
        self._behind = self._gauge("behind_seconds", "Age of the oldest record that waits.", by)
        self._taken_at = self._gauge("checkpoint_time_seconds", "When a batch was last taken.", by)
        self._stopped = self._gauge("stopped_partitions", "1: stopped until somebody acts.", by)
        self._records = self._counter("records", "Records taken.", by)
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


class MetricsServer:
    """Serves `/metrics`, and `/healthz`: 200 while the worker's loop runs, 503 when it hangs."""

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        """Listen; port 0 takes a free one.

        Raises:
            OSError: the port is taken.
        """

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path == "/metrics":
                    self._answer(200, CONTENT_TYPE_LATEST, generate_latest(metrics.registry))
                elif self.path == "/healthz":
                    alive = metrics.alive
                    body = b"ok\n" if alive else b"the worker's loop hangs\n"
                    self._answer(200 if alive else 503, "text/plain; charset=utf-8", body)
                else:
                    self._answer(404, "text/plain; charset=utf-8", b"see /metrics and /healthz\n")

            def _answer(self, status: int, kind: str, body: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                return  # a probe every few seconds is no news

        self._server = ThreadingHTTPServer((host, port), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="memos-metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
