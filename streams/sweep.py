"""The sweep: ends what has outlived its lifespan. It follows no topic, so Faust has no part in it."""

from __future__ import annotations

import logging
import signal
from contextlib import closing
from pathlib import Path

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.location import open_engine
from memos.infrastructure.metrics_server import MetricsServer
from memos.infrastructure.signal_event import SignalEvent
from memos.kernel.errors import LogLost, MemosError
from memos.operation.commands.destroy import resume_erases
from memos.operation.commands.sweep import Sweep, sweep_vault
from memos.operation.session import Session
from memos.operation.sweeper import Sweeper
from streams.metrics import Metrics
from streams.process import log_to_stderr

NAME = "sweep"
ACTOR = "memos:sweep"
"""Who the log says wrote what a sweep writes."""

log = logging.getLogger("memos.worker")


def run(config: Path, pause_seconds: float, metrics_host: str, metrics_port: int | None) -> int:
    """Sweep the vault of a settings file until SIGTERM or SIGINT; the exit status.

    Raises:
        LogLost: the vault's topics are not its own any more.
        MemosError: the vault cannot be opened.
        OSError: the metrics' port is taken.
    """
    ending = SignalEvent()
    ending.set_by(signal.SIGTERM, signal.SIGINT)
    log_to_stderr()
    metrics = Metrics(NAME, takes_partitions=False)
    engine = open_engine(config, actor=ACTOR, clock=system_time, create=False)
    session = Session(engine, actor=ACTOR, tenant="", clock=system_time, governor=None)
    with closing(session):
        server = (
            None if metrics_port is None else MetricsServer(metrics, metrics_host, metrics_port)
        )
        sweeper = Sweeper(
            lambda: _sweep(session),
            pause_seconds,
            ending=ending,
            swept=_tell,
            failed=_tell_failure,
            waits=metrics.beat,
        )
        try:
            resume_erases(session)
            log.info("sweep every %g s", pause_seconds)
            sweeper.run()
        finally:
            if server is not None:
                server.close()
    return 0


def _sweep(session: Session) -> Sweep:
    """End what has outlived its lifespan; remove projections that were replaced long enough ago."""
    swept = sweep_vault(session)
    for removed in session.engine.maintenance.remove_generations(outlived=True):
        log.info("removed generation %d, %s since %s", removed.number, removed.state, removed.since)
    return swept


def _tell(swept: Sweep) -> None:
    counts = {
        name: len(getattr(swept, name))
        for name in ("archived", "expired", "erased", "restored", "held", "left")
    }
    if any(counts.values()):
        log.info("swept: %s", ", ".join(f"{name} {count}" for name, count in counts.items()))


def _tell_failure(error: MemosError) -> None:
    if isinstance(error, LogLost):
        raise error  # the next sweep would write into a log that is not the vault's
    log.error("a sweep failed, and the next one tries again: %s", error)
