"""A worker's process: metrics, the driver, and what its end says."""

from __future__ import annotations

import asyncio
import gc
import logging
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import AbstractContextManager

from memos.infrastructure.log.kafka.settings import KafkaSettings
from memos.infrastructure.metrics_server import MetricsServer
from memos.infrastructure.signal_event import SignalEvent
from streams.bounded_log import BoundedLines
from streams.driver import Driver, OpenedWorker
from streams.metrics import Metrics

log = logging.getLogger("memos.worker")

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
COLLECT_AFTER = 50_000
"""Objects made and not dropped again before the collector looks for cycles among them."""

OpenWorker = Callable[[], AbstractContextManager[OpenedWorker]]
"""Opens a worker's stores; closes them behind it."""


def run(
    name: str,
    settings: KafkaSettings,
    open_worker: OpenWorker,
    metrics_host: str,
    metrics_port: int | None,
    instance: str | None,
) -> int:
    """Run a worker until SIGTERM or SIGINT; see `Driver` for `instance`.

    Returns:
        The exit status: 0, or 1 where a partition stopped and waits for somebody to act.

    Raises:
        MemosError: the worker cannot start.
        OSError: the metrics' port is taken.
    """
    log_to_stderr()
    # A batch makes and drops thousands of objects that know no cycles. By default the collector looks
    # through all that lives a hundred times meanwhile: a tenth of a worker's processor time.
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER, 50, 50)
    metrics = Metrics(name)
    server = None if metrics_port is None else MetricsServer(metrics, metrics_host, metrics_port)
    end_requested = SignalEvent()
    end_requested.set_by(*_SIGNALS)  # also while the worker's stores are opened or closed
    try:
        replaced = True
        while replaced:
            with open_worker() as opened:
                driver = asyncio.run(_drive(settings, opened, metrics, end_requested, instance))
                end_requested.set_by(*_SIGNALS)  # the loop has let go of the signals
            replaced = driver.replaced and not end_requested.is_set()
            stopped = driver.stopped
    finally:
        if server is not None:
            server.close()
    for partition, error in sorted(stopped.items()):
        log.critical("partition %d is stopped: %s", partition, error)
    return 1 if stopped else 0


def log_to_stderr() -> None:
    """Log what the worker says, and of the libraries under it what matters."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(BoundedLines())
    logging.basicConfig(
        handlers=[handler],
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    for noisy in ("faust", "mode", "aiokafka"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # It logs a traceback for each try while Milvus is away; the worker logs one line.
    logging.getLogger("pymilvus").setLevel(logging.CRITICAL)


async def _drive(
    settings: KafkaSettings,
    opened: OpenedWorker,
    metrics: Metrics,
    end_requested: threading.Event,
    instance: str | None,
) -> Driver:
    driver = Driver(settings, opened, metrics, end_requested, instance)
    await driver.run()
    return driver
