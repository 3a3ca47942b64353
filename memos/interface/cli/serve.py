"""The command that serves a vault over HTTP."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Literal

import typer

from memos.interface.cli.command import Run, command
from memos.interface.cli.models import opened_model
from memos.interface.cli.options import EmbedderOption
from memos.interface.cli.worker_process import DEFAULT_HOST, Host, Port, check_installed
from memos.kernel.errors import InvalidInput


def attach(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "serve")(serve)


def serve(
    run: Run,
    host: Annotated[
        str, typer.Option("--host", envvar="MEMOS_HTTP_HOST", help="On which address.")
    ] = DEFAULT_HOST,
    port: Annotated[
        int, typer.Option("--port", envvar="MEMOS_HTTP_PORT", help="0 takes a free port.")
    ] = 8420,
    tls_cert: Annotated[
        Path | None, typer.Option("--tls-cert", help="The certificate of TLS, and its chain: PEM.")
    ] = None,
    tls_key: Annotated[
        Path | None, typer.Option("--tls-key", help="The certificate's private key: PEM.")
    ] = None,
    behind_proxy: Annotated[
        bool,
        typer.Option(
            "--behind-proxy", help="TLS ends in front of this server, at a proxy of yours."
        ),
    ] = False,
    no_auth: Annotated[
        bool,
        typer.Option("--no-auth", help="Who sends no key acts as --actor; on this machine only."),
    ] = False,
    cors_origin: Annotated[
        list[str] | None,
        typer.Option("--cors-origin", help="Let web pages of this origin in; may be repeated."),
    ] = None,
    rate: Annotated[
        float, typer.Option("--rate", help="How many requests a second each key has.")
    ] = 1000.0,
    model: Annotated[
        str | None,
        typer.Option("--model", help="Who answers /v1/chat, as `memos chat --model` has it."),
    ] = None,
    embedder: EmbedderOption = None,
    metrics_port: Port = None,
    metrics_host: Host = DEFAULT_HOST,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        typer.Option("--log-level", help="What is logged, to stderr: a JSON object a line."),
    ] = "info",
) -> None:
    """Serve the vault over HTTP, until a signal. Callers need API keys: see `memos api-key`."""
    check_installed(
        ("fastapi", "uvicorn", "httptools", "prometheus_client"), "serving needs", "http"
    )
    from memos.interface.async_memory import AsyncMemory
    from memos.interface.http.rate_limit import Rate
    from memos.interface.http.server import Listening, serve_vault
    from memos.interface.http.settings import HttpSettings

    if not 0 < rate <= 1_000_000:
        raise InvalidInput("--rate takes a number of requests, more than 0 and at most 1000000")
    listening = Listening(
        host=host,
        port=port,
        certificate=tls_cert,
        private_key=tls_key,
        behind_proxy=behind_proxy,
        metrics_host=metrics_host,
        metrics_port=metrics_port,
    )
    with ExitStack() as opened:
        settings = HttpSettings(
            anonymous=no_auth,
            origins=tuple(cors_origin or ()),
            rate=Rate.per_second(rate),
            model=None if model is None else opened.enter_context(opened_model(model)),
        )
        listening.check(settings)
        memory = opened.enter_context(run.open(embedder=embedder))
        serve_vault(AsyncMemory(memory), settings, listening, log_level=log_level, tell=_tell)


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
