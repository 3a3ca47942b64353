"""The command that offers memories to a host of the Model Context Protocol."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from memos.interface.cli.command import Run, command
from memos.interface.cli.options import EmbedderOption
from memos.interface.cli.worker_process import check_installed
from memos.interface.principal import principal_in_environment
from memos.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from memos.interface.memory import Memory


def attach(app: typer.Typer) -> None:
    """Add this command to the program."""
    command(app, "mcp")(mcp)


def mcp(
    run: Run,
    scope: Annotated[
        str | None, typer.Option(help="Where memories go, and are found, unless a call says it.")
    ] = None,
    tenant: Annotated[str | None, typer.Option(help="Narrow everything to one tenant.")] = None,
    embedder: EmbedderOption = None,
    http: Annotated[
        bool, typer.Option("--http", help="Listen on this machine; every request carries a key.")
    ] = False,
    address: Annotated[str, typer.Option(help="The address, with --http.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port, with --http.")] = 8765,
    hooks: Annotated[
        Path | None, typer.Option(help="Answer the hooks of the plugin with these settings, too.")
    ] = None,
) -> None:
    """Offer the memories as tools to a host: over stdin and stdout, or with --http over HTTP.

    Over stdio the host's user is --actor, or whoever the API key in MEMOS_API_KEY names.
    """
    check_installed(("mcp",), "memos mcp needs", "mcp")
    if http:
        check_installed(("fastapi", "httptools", "uvicorn"), "memos mcp --http needs", "http")
        if hooks is not None:
            raise InvalidInput("--hooks goes without --http: hooks are those of the host of stdio")
    with run.open(create=not http, embedder=embedder) as memory:
        narrowed = memory if tenant is None else memory.as_actor(run.actor, tenant=tenant)
        if http:
            from memos.interface.mcp.http import serve_http

            serve_http(narrowed, host=address, port=port, scope=scope)
            return
        from memos.interface.mcp.server import mcp_server
        from memos.interface.mcp.stdio import serve_stdio

        principal = principal_in_environment(narrowed)
        with nullcontext() if hooks is None else _hooks_answered(hooks, principal):
            serve_stdio(mcp_server(lambda _: principal(), scope=scope))


def _hooks_answered(file: Path, principal: Callable[[], Memory]) -> AbstractContextManager[None]:
    from memos.interface.hosts.claude_code import ClaudeCodeHooks
    from memos.interface.hosts.hook_socket import answering_hooks
    from memos.interface.hosts.settings import HookSettings

    settings = HookSettings.read(file)
    return answering_hooks(settings.socket, lambda: ClaudeCodeHooks(principal(), settings))
