"""`python -m ray_jobs kv`: the pools of one model in a Ray cluster, until SIGTERM."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Sequence
from contextlib import closing, nullcontext
from pathlib import Path
from threading import Event

from memos.infrastructure.chat_models.ray_connection import DEFAULT_PORT
from memos.infrastructure.metrics_server import MetricsServer
from memos.kernel.errors import InvalidInput, MemosError
from ray_jobs.cluster import join_cluster, start_cluster
from ray_jobs.metrics import KvMetrics
from ray_jobs.settings import PoolSettings


def main(arguments: Sequence[str] | None = None) -> int:
    """Run pools; the exit status."""
    options = parser().parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    try:
        return _run(options)
    except (MemosError, OSError) as error:
        sys.stderr.write(f"memos worker kv: {error}\n")
        return 1


def _run(options: argparse.Namespace) -> int:
    least, most = _replicas(options.replicas)
    settings = PoolSettings(
        model=options.model,
        least=least,
        most=most,
        cpus=options.cpus_per_replica,
        gpus=options.gpus_per_replica,
        memory_bytes=int(options.memory_gib * 2**30),
        files_bytes=int(options.files_gib * 2**30),
        kept_in=None if options.kept_in is None else options.kept_in.resolve(),
        namespace=options.namespace,
    )
    metrics = KvMetrics(most)
    port = options.metrics_port
    server = None if port is None else MetricsServer(metrics, options.metrics_host, port)
    with nullcontext() if server is None else closing(server):
        if options.address is None:
            start_cluster(settings, options.host, options.port)
        else:
            join_cluster(settings, options.address)
        ending = Event()
        _catch_signals(ending)  # not before: Ray sets handlers of its own
        from ray_jobs.fleet import Fleet  # brings Ray, which reads its settings when it is imported

        Fleet(settings, metrics).run(ending)
    return 0


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    made = argparse.ArgumentParser("memos worker", description="Run the pools of a local model.")
    made.add_argument("worker", choices=("kv",))
    made.add_argument("--model", default="smollm2", help="smollm2, or a model's directory")
    made.add_argument("--replicas", default="1", help="how many pools, or MIN:MAX")
    made.add_argument("--cpus-per-replica", type=int, default=1)
    made.add_argument("--gpus-per-replica", type=float, default=0.0)
    made.add_argument("--memory-gib", type=float, default=1.0, help="for segments, of each")
    made.add_argument("--files-gib", type=float, default=2.0, help="below --kept-in, of each")
    made.add_argument("--kept-in", type=Path, help="a directory for what was computed")
    made.add_argument("--address", help="host:port of a Ray cluster that is there")
    made.add_argument("--host", default="127.0.0.1", help="where a new cluster listens")
    made.add_argument("--port", type=int, default=DEFAULT_PORT)
    made.add_argument("--namespace", default="memos")
    made.add_argument("--metrics-host", default="127.0.0.1")
    made.add_argument("--metrics-port", type=int, help="none by default; 0 takes a free one")
    return made


def _replicas(text: str) -> tuple[int, int]:
    """The least and the most pools.

    Raises:
        InvalidInput: it is no number, nor two.
    """
    least, colon, most = text.partition(":")
    try:
        numbers = int(least), int(most if colon else least)
    except ValueError:
        numbers = 0, 0
    if not 1 <= numbers[0] <= numbers[1]:
        raise InvalidInput(
            f"--replicas {text}: give how many pools, or the least and the most, as 1:4"
        )
    return numbers


def _catch_signals(ending: Event) -> None:
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ending.set())


if __name__ == "__main__":
    sys.exit(main())
