"""Commands that read the log: events and tail."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterable
from typing import Annotated

import typer

from memos import LogEntry
from memos.infrastructure.signal_event import SignalEvent, set_by
from memos.interface.cli import history_view
from memos.interface.cli.command import Run, command
from memos.interface.cli.options import IS_CUBE_ID
from memos.interface.cli.terminal import console
from memos.interface.following import Following
from memos.interface.serialise import document
from memos.kernel.errors import InvalidInput

AT_ONCE = 100

By = Annotated[str | None, typer.Option("--by", help="Attempted by this actor.")]
KindOption = Annotated[str | None, typer.Option("--kind", help="Of this kind, such as Revised.")]
ScopeOption = Annotated[str | None, typer.Option("--scope", help="In and under this scope.")]
CubeOption = Annotated[str | None, typer.Option("--cube", help="On this memory."), IS_CUBE_ID]


def attach(app: typer.Typer) -> None:
    """Add these commands to the program."""
    command(app, "events")(events)
    command(app, "tail")(tail)


def events(
    run: Run,
    by: By = None,
    kind: KindOption = None,
    scope: ScopeOption = None,
    cube_id: CubeOption = None,
    operation: Annotated[str | None, typer.Option(help="Of this operation (its id).")] = None,
    source: Annotated[str | None, typer.Option(help="From this source, or below it.")] = None,
    since: Annotated[str | None, typer.Option(help="From this position, cut or time on.")] = None,
    until: Annotated[str | None, typer.Option(help="Before this position, cut or time.")] = None,
    limit: Annotated[int | None, typer.Option("--limit", "-n", help="The first so many.")] = None,
) -> None:
    """The log: who attempted what, when, and what became of it. With --json, a line an event."""
    if limit is not None and limit < 1:
        raise InvalidInput("--limit must be 1 or more")
    with run.open() as memory:
        entries = memory.events(
            actor=by,
            kind=kind,
            scope=scope,
            cube_id=cube_id,
            operation=operation,
            source=source,
            since=since,
            until=until,
        )
        for number, entry in enumerate(entries, 1):
            _print(run, (entry,))
            if number == limit:
                break


def tail(
    run: Run,
    count: Annotated[int, typer.Option("--lines", "-n", help="The last so many.")] = 10,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes, until Ctrl-C.")
    ] = False,
    interval: Annotated[float, typer.Option(help="Seconds between two looks.")] = 0.5,
    by: By = None,
    kind: KindOption = None,
    scope: ScopeOption = None,
    cube_id: CubeOption = None,
) -> None:
    """The end of the log; with -f, what comes after it as it comes."""
    if count < 0 or interval <= 0:
        raise InvalidInput("--lines must be 0 or more, and --interval more than 0 seconds")
    records = {"actor": by, "kind": kind, "scope": scope, "cube_id": cube_id}
    with run.open() as memory:
        last, behind = Following.behind_last(memory, records, count)
        _print(run, last)
        if follow:
            with set_by(
                signal.SIGINT
            ) as interrupted:  # an exception could be raised where Python ignores it
                _follow(run, behind, interval, interrupted)


def _follow(run: Run, behind: Following, interval: float, interrupted: SignalEvent) -> None:
    sys.stdout.flush()
    while not interrupted.wait(interval):
        while entries := behind.read(AT_ONCE):
            for entry in entries:
                _print(run, (entry,))
                behind.tell(entry)
        sys.stdout.flush()


def _print(run: Run, entries: Iterable[LogEntry]) -> None:
    out = console()
    for entry in entries:
        if run.as_json:
            sys.stdout.write(document(run.command, entry) + "\n")
        else:
            history_view.log_line(out, entry)
