"""Commands that run the workers of the distributed engine."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated

import typer

from memos.infrastructure.child_processes import ends_with_us
from memos.infrastructure.log.kafka.settings import WORKERS
from memos.infrastructure.settings_file import check_present
from memos.interface.cli.command import Run, command
from memos.interface.cli.ray_workers import distill, kv
from memos.interface.cli.worker_process import DEFAULT_HOST, Host, Port, become, check_installed
from memos.operation.validation import check_duration

SWEEP = "sweep"
"""The worker that follows no topic."""

POLL_SECONDS = 0.2
END_SECONDS = 90.0

Config = Annotated[Path, typer.Option("--config", help="The settings of the vault.")]
Instance = Annotated[
    str | None,
    typer.Option(
        "--instance",
        help="A name that stays over restarts, one for each worker of a kind: killed and started again, "
        "the worker has its partitions at once. After an orderly end others wait ten seconds for them.",
    ),
]

DEFAULT_CONFIG = Path("memos.toml")


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    worker = typer.Typer(
        no_args_is_help=True,
        help="Run a worker: it keeps one projection of the log in Kafka, or has a model answer or learn.",
    )
    app.add_typer(worker, name="worker")
    command(worker, "fold", group="worker")(fold)
    command(worker, "index", group="worker")(index)
    command(worker, "usage", group="worker")(usage)
    command(worker, "seal", group="worker")(seal)
    command(worker, "sweep", group="worker")(sweep)
    command(worker, "kv", group="worker")(kv)
    command(worker, "distill", group="worker")(distill)
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
    become([*_command_line(name, config, host, port), *more])


def _command_line(name: str, config: Path, host: str, port: int | None) -> list[str]:
    check_present(config)
    check_installed(("streams", "faust"), "the workers need", "distributed")
    line = [sys.executable, "-m", "streams", name, "--config", str(config), "--metrics-host", host]
    return line if port is None else [*line, "--metrics-port", str(port)]
