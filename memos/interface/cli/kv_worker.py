"""The command that runs the pools of a model."""

from __future__ import annotations

import sys
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from memos.interface.cli.command import Run
from memos.interface.cli.worker_process import DEFAULT_HOST, Host, Port, become, check_installed


def kv(
    _run: Run,
    model: Annotated[
        str, typer.Option("--model", help="smollm2, or a model's directory.")
    ] = "smollm2",
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
        typer.Option("--kept-in", help="A directory for what was computed, for after a restart."),
    ] = None,
    address: Annotated[
        str | None,
        typer.Option(
            "--address", help="host:port of a Ray cluster. Without it one is started here."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="The address of a cluster that is started here.")
    ] = DEFAULT_HOST,
    port: Annotated[int | None, typer.Option("--port", help="Its port, by default 6399.")] = None,
    namespace: Annotated[
        str, typer.Option("--namespace", help="Where in the cluster the pools are found.")
    ] = "memos",
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
        "--namespace": namespace,
        "--metrics-host": metrics_host,
        "--metrics-port": metrics_port,
    }
    check_installed(("ray_jobs", "ray", "prometheus_client"), "the pools need", "ray")
    check_installed(("torch", "transformers"), "the pools' models need", "activation")
    given = [(name, str(value)) for name, value in options.items() if value is not None]
    become([sys.executable, "-m", "ray_jobs", "kv", *chain.from_iterable(given)])
