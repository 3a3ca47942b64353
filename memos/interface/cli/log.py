"""Commands that read the log: events and tail."""

from __future__ import annotations

import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from memos.interface.cli import story
from memos.interface.cli.command import Run, command, given
from memos.interface.cli.screen import console
from memos.interface.memory import Memory
from memos.interface.serialise import document
from memos.kernel.errors import InvalidInput
from memos.kernel.event import Position
from memos.operation.reads.history import LogEntry

By = Annotated[str | None, typer.Option("--by", help="Attempted by this actor.")]
KindOption = Annotated[str | None, typer.Option("--kind", help="Of this kind, such as Revised.")]
ScopeOption = Annotated[str | None, typer.Option("--scope", help="In and under this scope.")]
CubeOption = Annotated[str | None, typer.Option("--cube", help="On this memory.")]


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
    wanted = given(
        actor=by,
        kind=kind,
        scope=scope,
        cube_id=cube_id,
        operation=operation,
        source=source,
        since=since,
        until=until,
    )
    with run.open() as memory:
        for number, entry in enumerate(memory.events(**wanted), 1):
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
    wanted = given(actor=by, kind=kind, scope=scope, cube_id=cube_id)
    with run.open() as memory:
        size = memory.stats().events
        start = 0 if wanted else max(0, size - count)
        entries = memory.events(**wanted, since=Position(0, start), until=Position(0, size))
        _print(run, deque(entries, maxlen=count))
        if follow:
            with _interrupted() as interrupted:
                _follow(run, memory, wanted, size, interval, interrupted)


@contextmanager
def _interrupted() -> Iterator[threading.Event]:
    """What Ctrl-C sets inside: an exception could be raised where Python ignores it, and be lost."""
    told = threading.Event()
    before = signal.signal(signal.SIGINT, lambda *_: told.set())
    try:
        yield told
    finally:
        signal.signal(signal.SIGINT, before)


def _follow(
    run: Run,
    memory: Memory,
    wanted: dict[str, Any],
    size: int,
    interval: float,
    interrupted: threading.Event,
) -> None:
    sys.stdout.flush()
    while not interrupted.wait(interval):
        for entry in memory.events(**wanted, since=Position(0, size)):
            _print(run, (entry,))
            size = entry.position.offset + 1
        sys.stdout.flush()


def _print(run: Run, entries: Iterable[LogEntry]) -> None:
    out = console()
    for entry in entries:
        if run.as_json:
            sys.stdout.write(document(run.command, entry) + "\n")
        else:
            story.log_line(out, entry)
