"""The commands that run the processes of a model in a Ray cluster: pools that answer, distillers that learn."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from memos.interface.cli.command import Run
from memos.interface.cli.worker_process import DEFAULT_HOST, Host, Port, become, check_installed

Model = Annotated[str, typer.Option("--model", help="smollm2, or a model's directory.")]
Address = Annotated[
    str | None,
    typer.Option("--address", help="host:port of a Ray cluster. Without it one is started here."),
]
ClusterHost = Annotated[
    str, typer.Option("--host", help="The address of a cluster that is started here.")
]
ClusterPort = Annotated[int | None, typer.Option("--port", help="Its port, by default 6399.")]
SpareCpus = Annotated[
    int,
    typer.Option("--spare-cpus", min=0, help="Processors of it for those who join."),
]
Namespace = Annotated[
    str, typer.Option("--namespace", help="Where in the cluster they are found, by name.")
]


def kv(
    _run: Run,
    model: Model = "smollm2",
    replicas: Annotated[
        str,
        typer.Option("--replicas", help="How many pools; as 1:4, as many as there is work for."),
    ] = "1",
    cpus: Annotated[int, typer.Option("--cpus-per-replica", min=1, help="Processors of each.")] = 1,
    gpus: Annotated[
        float, typer.Option("--gpus-per-replica", min=0.0, help="GPUs of each; 0 for none.")
    ] = 0.0,
    memory: Annotated[
        float, typer.Option("--memory-gib", min=0.0, help="Of each, for what it computed.")
    ] = 1.0,
    files: Annotated[
        float, typer.Option("--files-gib", min=0.0, help="Of each, below --kept-in.")
    ] = 2.0,
    kept_in: Annotated[
        Path | None,
        typer.Option(
            "--kept-in",
            help="A directory for what was computed, for after a restart, and for what is learnt.",
        ),
    ] = None,
    address: Address = None,
    host: ClusterHost = DEFAULT_HOST,
    port: ClusterPort = None,
    spare_cpus: SpareCpus = 1,
    namespace: Namespace = "memos",
    metrics_port: Port = None,
    metrics_host: Host = DEFAULT_HOST,
) -> None:
    """Run a local model for several processes, in pools of a Ray cluster that keep its KV cache."""
    options = {
        "--model": model,
        "--replicas": replicas,
        "--cpus-per-replica": cpus,
        "--gpus-per-replica": gpus,
        "--memory-gib": memory,
        "--files-gib": files,
        "--kept-in": kept_in,
        "--address": address,
        "--host": host,
        "--port": port,
        "--spare-cpus": spare_cpus,
        "--namespace": namespace,
        "--metrics-host": metrics_host,
        "--metrics-port": metrics_port,
    }
    _become("kv", "the pools", options)


def distill(
    _run: Run,
    kept_in: Annotated[
        Path,
        typer.Option("--kept-in", help="A directory for what is learnt: that of the pools."),
    ],
    model: Model = "smollm2",
    distillers: Annotated[
        int, typer.Option("--distillers", min=1, help="How many; each is at one job at a time.")
    ] = 1,
    cpus: Annotated[
        int, typer.Option("--cpus-per-distiller", min=1, help="Processors of each.")
    ] = 1,
    gpus: Annotated[
        float, typer.Option("--gpus-per-distiller", min=0.0, help="GPUs of each; 0 for none.")
    ] = 0.0,
    adapters: Annotated[
        float, typer.Option("--adapters-gib", min=0.0, help="For adapters, in all.")
    ] = 1.0,
    address: Address = None,
    host: ClusterHost = DEFAULT_HOST,
    port: ClusterPort = None,
    spare_cpus: SpareCpus = 1,
    namespace: Namespace = "memos",
    metrics_port: Port = None,
    metrics_host: Host = DEFAULT_HOST,
) -> None:
    """Have a local model learn memories for several processes, in distillers of a Ray cluster that take jobs in turn."""
    options = {
        "--model": model,
        "--kept-in": kept_in,
        "--distillers": distillers,
        "--cpus-per-distiller": cpus,
        "--gpus-per-distiller": gpus,
        "--adapters-gib": adapters,
        "--address": address,
        "--host": host,
        "--port": port,
        "--spare-cpus": spare_cpus,
        "--namespace": namespace,
        "--metrics-host": metrics_host,
        "--metrics-port": metrics_port,
    }
    _become("distill", "the distillers", options)


def _become(worker: str, who: str, options: Mapping[str, object]) -> None:
    check_installed(("ray_jobs", "ray", "prometheus_client"), f"{who} need", "ray")
    check_installed(("torch", "transformers"), f"{who}' models need", "activation")
    given = [(name, str(value)) for name, value in options.items() if value is not None]
    become([sys.executable, "-m", "ray_jobs", worker, *chain.from_iterable(given)])
