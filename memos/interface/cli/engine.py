"""Commands that run Kafka, Cassandra and Milvus on this machine, for the distributed engine."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, cast

import typer

from memos.infrastructure.release import pip_install
from memos.interface.cli import layout
from memos.interface.cli.command import Run, command
from memos.interface.cli.terminal import Console, clean, console
from memos.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from memos.infrastructure.servers import LocalServers, ServerStatus

Server = Literal["kafka", "cassandra", "milvus"]
Directory = Annotated[
    Path, typer.Argument(envvar="MEMOS_ENGINE", help="Where the servers' data and logs are.")
]
Only = Annotated[list[str] | None, typer.Option("--only", help="This server only; repeat it.")]

DEFAULT_DIRECTORY = Path("memos.engine")


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    engine = typer.Typer(
        no_args_is_help=True, help="Run Kafka, Cassandra and Milvus here, without containers."
    )
    app.add_typer(engine, name="engine")
    command(engine, "up", group="engine")(up)
    command(engine, "status", group="engine")(status)
    command(engine, "down", group="engine")(down)
    command(engine, "logs", group="engine")(logs)
    command(engine, "nodetool", group="engine")(nodetool)


def up(
    run: Run,
    directory: Directory = DEFAULT_DIRECTORY,
    milvus: Annotated[
        Literal["lite", "server"] | None,
        typer.Option(help="Milvus Lite, or the real server (dense vectors only)."),
    ] = None,
    only: Only = None,
    heap_mb: Annotated[
        int | None, typer.Option(min=256, help="Java heap of each server in MiB; 1024.")
    ] = None,
    durable: Annotated[
        bool | None,
        typer.Option(help="Cassandra syncs a write before it acknowledges it; it does."),
    ] = None,
) -> None:
    """Start the servers that do not run, and wait until they serve; the first time, fetch them."""
    servers = _servers(directory, only, milvus=milvus, heap_mb=heap_mb, durable=durable)
    with _spinner("starting") as progress:
        servers.up(progress)
    _show(run, servers)


def status(run: Run, directory: Directory = DEFAULT_DIRECTORY) -> None:
    """Which servers run, where, and how much memory they take."""
    _show(run, _servers(directory, None))


def down(run: Run, directory: Directory = DEFAULT_DIRECTORY, only: Only = None) -> None:
    """Stop exactly the servers that `up` started in this directory; their data stays."""
    servers = _servers(directory, only)
    with _spinner("stopping") as progress:
        servers.down(progress)
    _show(run, servers)


def logs(
    run: Run,
    server: Annotated[Server, typer.Argument(help="Whose log.", show_default=False)],
    directory: Directory = DEFAULT_DIRECTORY,
    lines: Annotated[int, typer.Option("--lines", "-n", min=1, help="How many.")] = 50,
) -> None:
    """The end of a server's log."""
    text = _servers(directory, None).logs(server, lines)
    run.show({"server": server, "log": text}, lambda out: layout.body(out, text))


def nodetool(
    run: Run,
    directory: Annotated[Path, typer.Argument(help="Where the servers are.", show_default=False)],
    arguments: Annotated[
        list[str], typer.Argument(help="What nodetool takes, behind `--`.", show_default=False)
    ],
) -> None:
    """Run Cassandra's nodetool on the node here: memos engine nodetool DIR -- flush memos."""
    text = _servers(directory, None).nodetool(arguments)
    run.show({"output": text}, lambda out: layout.body(out, text))


def _servers(
    directory: Path,
    only: list[str] | None,
    *,
    milvus: Literal["lite", "server"] | None = None,
    heap_mb: int | None = None,
    durable: bool | None = None,
) -> LocalServers:
    try:
        from memos.infrastructure.servers import SERVERS, LocalServers
    except ModuleNotFoundError as error:
        raise InvalidInput(
            f"the local engine needs {error.name}: `{pip_install('distributed')}`"
        ) from None
    names = cast(list[Server], only) if only else SERVERS  # it refuses other names
    return LocalServers(directory, names, milvus=milvus, heap_mb=heap_mb, durable=durable)


@contextmanager
def _spinner(what: str) -> Iterator[Callable[[str], None]]:
    """What goes on, as a spinner on stderr; nothing where stderr is no terminal."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with console(stderr=True).rich.status(what) as spinner:
        yield lambda text: spinner.update(clean(text))


def _show(run: Run, servers: LocalServers) -> None:
    statuses = servers.status()

    def draw(out: Console) -> None:
        for server in statuses:
            _draw(out, server)
        if not statuses:
            layout.line(out, f"no servers in {clean(str(servers.directory))}: `memos engine up`")

    run.show({"directory": servers.directory, "servers": statuses}, draw)


def _draw(out: Console, server: ServerStatus) -> None:
    state = ("running", "green") if server.running else ("stopped", "red")
    detail = f"pid {server.pid}, {server.resident_mb} MB" if server.running else f"log {server.log}"
    layout.line(
        out,
        (f"{server.server:<10}", "bold"),
        state,
        f"  {server.address}  ",
        (f"{server.version}, {clean(detail)}", "dim"),
    )
