"""Commands that run the workers of the distributed engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from importlib.util import find_spec
from itertools import chain
from pathlib import Path
from typing import Annotated

import typer

from memos.infrastructure.child_processes import ends_with_us
from memos.infrastructure.log.kafka.settings import WORKERS
from memos.infrastructure.release import pip_install
from memos.infrastructure.settings_file import check_present
from memos.interface.cli.command import Run, command
from memos.kernel.errors import InvalidInput
from memos.operation.validation import check_duration

SWEEP = "sweep"
"""The worker that follows no topic."""

POLL_SECONDS = 0.2
END_SECONDS = 90.0

Config = Annotated[Path, typer.Option("--config", help="The settings of the vault.")]
Port = Annotated[
    int | None, typer.Option("--metrics-port", help="Where Prometheus reads; 0 takes a free port.")
]
Host = Annotated[str, typer.Option("--metrics-host", help="On which address.")]
Instance = Annotated[
    str | None,
    typer.Option(
        "--instance",
        help="A name that stays over restarts, one for each worker of a kind: killed and started again, "
        "the worker has its partitions at once. After an orderly end others wait ten seconds for them.",
    ),
]

DEFAULT_CONFIG = Path("memos.toml")
DEFAULT_HOST = "127.0.0.1"


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    worker = typer.Typer(
        no_args_is_help=True,
        help="Run a worker: it keeps one projection of the log in Kafka, or the KV cache of a model.",
    )
    app.add_typer(worker, name="worker")
    command(worker, "fold", group="worker")(fold)
    command(worker, "index", group="worker")(index)
    command(worker, "usage", group="worker")(usage)
    command(worker, "seal", group="worker")(seal)
    command(worker, "sweep", group="worker")(sweep)
    command(worker, "kv", group="worker")(kv)
    command(worker, "all", group="worker")(run_all)


def fold(
    _run: Run,
    config: Config = DEFAULT_CONFIG,
    metrics_port: Port = None,
    metrics_host: Host = DEFAULT_HOST,
    instance: Instance = None,
) -> None:
    """Fold the events: the vault that `get` reads. Run as many as you like, up to the partitions."""
    _replace_process("fold", config, metrics_host, metrics_port, *_named(instance))


def index(
    _run: Run,
    config: Config = DEFAULT_CONFIG,
    metrics_port: Port = None,
    metrics_host: Host = DEFAULT_HOST,
    instance: Instance = None,
) -> None:
    """Keep what search runs on, behind the fold."""
    _replace_process("index", config, metrics_host, metrics_port, *_named(instance))


def usage(
    _run: Run,
    config: Config = DEFAULT_CONFIG,
    metrics_port: Port = None,
    metrics_host: Host = DEFAULT_HOST,
    instance: Instance = None,
) -> None:
    """Count how often, and when last, memories were used."""
    _replace_process("usage", config, metrics_host, metrics_port, *_named(instance))


def seal(
    _run: Run,
    config: Config = DEFAULT_CONFIG,
    metrics_port: Port = None,
    metrics_host: Host = DEFAULT_HOST,
    instance: Instance = None,
) -> None:
    """Keep the Merkle trees of the log, and sign checkpoints of them."""
    _replace_process("seal", config, metrics_host, metrics_port, *_named(instance))


def sweep(
    _run: Run,
    config: Config = DEFAULT_CONFIG,
    every: Annotated[
        str, typer.Option("--every", help="How long to wait between two sweeps.")
    ] = "1min",
    metrics_port: Port = None,
    metrics_host: Host = DEFAULT_HOST,
) -> None:
    """End what has outlived its lifespan, each with the right of whoever set it."""
    seconds = check_duration(every, "--every") / 1_000_000
    _replace_process(SWEEP, config, metrics_host, metrics_port, "--every", str(seconds))


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
    _check_installed(("ray_jobs", "ray", "prometheus_client"), "the pools need", "ray")
    _check_installed(("torch", "transformers"), "the pools' models need", "activation")
    given = [(name, str(value)) for name, value in options.items() if value is not None]
    _become([sys.executable, "-m", "ray_jobs", "kv", *chain.from_iterable(given)])


def run_all(
    _run: Run,
    config: Config = DEFAULT_CONFIG,
    metrics_port: Annotated[
        int | None,
        typer.Option("--metrics-port", help="Of the first; the others take those that follow."),
    ] = None,
    metrics_host: Host = DEFAULT_HOST,
) -> None:
    """Run all five here, each in a process; when one ends, all end. Meant for development."""
    names = (*WORKERS, SWEEP)
    ports = [None if metrics_port is None else metrics_port + n for n in range(len(names))]
    lines = {
        name: ends_with_us(_command_line(name, config, metrics_host, port))
        for name, port in zip(names, ports, strict=True)
    }
    children = {
        name: subprocess.Popen(line)  # noqa: S603
        for name, line in lines.items()
    }
    is_ending = False

    def end_all(number: int, _: object = None) -> None:
        nonlocal is_ending
        is_ending = True
        for child in children.values():
            if child.poll() is None:
                child.send_signal(number)

    handlers = {
        number: signal.signal(number, end_all) for number in (signal.SIGTERM, signal.SIGINT)
    }
    try:
        while all(child.poll() is None for child in children.values()):
            time.sleep(POLL_SECONDS)
        if not is_ending:
            ended = [name for name, child in children.items() if child.poll() is not None]
            sys.stderr.write(f"memos worker {', '.join(ended)} ended; the others are ended too\n")
            end_all(signal.SIGTERM)
        for child in children.values():
            _await_end(child)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    if any(child.returncode for child in children.values()):
        raise typer.Exit(1)


def _named(instance: str | None) -> list[str]:
    return [] if instance is None else ["--instance", instance]


def _await_end(child: subprocess.Popen[bytes]) -> None:
    try:
        child.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()  # nothing is lost: it goes on from its mark
        child.wait()


def _replace_process(name: str, config: Path, host: str, port: int | None, *more: str) -> None:
    """Put a worker that follows the log in this process's place."""
    _become([*_command_line(name, config, host, port), *more])


def _become(line: list[str]) -> None:
    """Put a program in this process's place: a supervisor then sees the worker itself."""
    sys.stdout.flush()
    os.execv(line[0], line)  # noqa: S606 - this interpreter


def _command_line(name: str, config: Path, host: str, port: int | None) -> list[str]:
    check_present(config)
    _check_installed(("streams", "faust"), "the workers need", "distributed")
    line = [sys.executable, "-m", "streams", name, "--config", str(config), "--metrics-host", host]
    return line if port is None else [*line, "--metrics-port", str(port)]


def _check_installed(packages: Sequence[str], who_needs: str, extra: str) -> None:
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise InvalidInput(f"{who_needs} {' and '.join(missing)}: `{pip_install(extra)}`")
