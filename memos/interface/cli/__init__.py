"""The program `memos`: every call of the Memory API as a command."""

from __future__ import annotations

import typer

from memos.interface.cli import demo, engine, log, migrate, worker
from memos.interface.cli import governance as governing
from memos.interface.cli import question as asking
from memos.interface.cli import read as reader
from memos.interface.cli import transfer as moving
from memos.interface.cli import undo as undoing
from memos.interface.cli import vault as keeping
from memos.interface.cli import write as writing
from memos.interface.cli.program import Program

app = typer.Typer(
    cls=Program,
    name="memos",
    help="MemOS: the memory store of AI agents. Every memory operation is an event.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

for _room in (
    demo,
    writing,
    reader,
    asking,
    governing,
    undoing,
    log,
    keeping,
    moving,
    migrate,
    engine,
    worker,
):
    _room.attach(app)

__all__ = ["app"]
