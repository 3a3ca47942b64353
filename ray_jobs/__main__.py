"""`python -m ray_jobs kv` and `distill`: the pools, or the distillers, of a model in a Ray cluster, until SIGTERM."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, nullcontext
from pathlib import Path
from threading import Event

from memos.infrastructure.chat_models.ray_attempts import ROUTER
from memos.infrastructure.chat_models.ray_connection import DEFAULT_PORT
from memos.infrastructure.chat_models.ray_distillers import QUEUE
from memos.infrastructure.metrics_server import MetricsServer
from memos.infrastructure.signal_event import SignalEvent
from memos.kernel.errors import InvalidInput, MemosError
from ray_jobs.cluster import join_cluster, start_cluster
from ray_jobs.distill_metrics import DistillMetrics
from ray_jobs.kv_metrics import KvMetrics
from ray_jobs.metrics import ReplicaMetrics
from ray_jobs.settings import DistillerSettings, PoolSettings, ReplicaSettings

GIB = 2**30


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker; the exit status."""
    options = parser().parse_args(arguments)
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.INFO,
        format="%(asctime)s %(levelname)s %(name)s %(message)s",
    )
    try:
        _WORKERS[options.worker](options)
    except (MemosError, OSError) as error:
        sys.stderr.write(f"memos worker {options.worker}: {error}\n")
        return 1
    return 0


@contextmanager
def in_cluster(
    settings: ReplicaSettings, metrics: ReplicaMetrics, options: argparse.Namespace, leader: str
) -> Iterator[Event]:
    """A cluster around replicas that are started inside, and their metrics; set when they are to end.

    Raises:
        InvalidInput: no cluster can be started as the options say, or what they name has such a worker, whose
            leader is an actor of this name.
        ModelUnavailable: the cluster that they name is not there, or does not take this process.
    """
    port = options.metrics_port
    server = None if port is None else MetricsServer(metrics, options.metrics_host, port)
    with nullcontext() if server is None else closing(server):
        if options.address is None:
            start_cluster(settings, options.host, options.port, options.spare_cpus)
        else:
            join_cluster(settings, options.address, leader)
        ending = SignalEvent()
        ending.set_by(signal.SIGTERM, signal.SIGINT)  # not before: Ray sets handlers of its own
        yield ending


def distiller_settings(options: argparse.Namespace) -> DistillerSettings:
    """What the options of `distill` say.

    Raises:
        InvalidInput: there is to be no distiller.
    """
    if options.distillers < 1:
        raise InvalidInput(f"--distillers {options.distillers}: give how many there are to be")
    return DistillerSettings(
        model=options.model,
        most=options.distillers,
        cpus=options.cpus_per_distiller,
        gpus=options.gpus_per_distiller,
        namespace=options.namespace,
        kept_in=options.kept_in.resolve(),
        adapters_bytes=int(options.adapters_gib * GIB),
    )


def _distill(options: argparse.Namespace) -> None:
    settings, metrics = distiller_settings(options), DistillMetrics()
    with in_cluster(settings, metrics, options, QUEUE) as ending:
        # Brings Ray, which reads its settings when it is imported.
        from ray_jobs.distill_fleet import DistillFleet

        DistillFleet(settings, metrics).run(ending)


def _kv(options: argparse.Namespace) -> None:
    least, most = _replicas(options.replicas)
    settings = PoolSettings(
        model=options.model,
        least=least,
        most=most,
        cpus=options.cpus_per_replica,
        gpus=options.gpus_per_replica,
        memory_bytes=int(options.memory_gib * GIB),
        files_bytes=int(options.files_gib * GIB),
        kept_in=None if options.kept_in is None else options.kept_in.resolve(),
        namespace=options.namespace,
    )
    metrics = KvMetrics(most)
    with in_cluster(settings, metrics, options, ROUTER) as ending:
        # Brings Ray, which reads its settings when it is imported.
        from ray_jobs.kv_fleet import KvFleet

        KvFleet(settings, metrics).run(ending)


_WORKERS = {"kv": _kv, "distill": _distill}


def parser() -> argparse.ArgumentParser:
    """Of the command line."""
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--model", default="smollm2", help="smollm2, or a model's directory")
    shared.add_argument("--address", help="host:port of a Ray cluster that is there")
    shared.add_argument("--host", default="127.0.0.1", help="where a new cluster listens")
    shared.add_argument("--port", type=int, default=DEFAULT_PORT)
    shared.add_argument("--spare-cpus", type=int, default=1, help="of a new cluster, for others")
    shared.add_argument("--namespace", default="memos")
    shared.add_argument("--metrics-host", default="127.0.0.1")
    shared.add_argument("--metrics-port", type=int, help="none by default; 0 takes a free one")
    made = argparse.ArgumentParser("memos worker", description="Run processes of a local model.")
    kinds = made.add_subparsers(dest="worker", required=True)

    kv = kinds.add_parser("kv", parents=[shared])
    kv.add_argument("--replicas", default="1", help="how many pools, or MIN:MAX")
    kv.add_argument("--cpus-per-replica", type=int, default=1)
    kv.add_argument("--gpus-per-replica", type=float, default=0.0)
    kv.add_argument("--memory-gib", type=float, default=1.0, help="for segments, of each")
    kv.add_argument("--files-gib", type=float, default=2.0, help="below --kept-in, of each")
    kv.add_argument("--kept-in", type=Path, help="a directory for what was computed")

    distill = kinds.add_parser("distill", parents=[shared])
    distill.add_argument("--kept-in", type=Path, required=True, help="the pools' directory")
    distill.add_argument("--distillers", type=int, default=1, help="how many")
    distill.add_argument("--cpus-per-distiller", type=int, default=1)
    distill.add_argument("--gpus-per-distiller", type=float, default=0.0)
    distill.add_argument("--adapters-gib", type=float, default=1.0, help="below --kept-in, in all")
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


if __name__ == "__main__":
    sys.exit(main())
