"""The program `memos`: every call of the Memory API as a command."""

from __future__ import annotations

import typer

from memos.interface.cli import (
    administrators,
    backup,
    context,
    demo,
    doctor,
    engine,
    evidence,
    governance,
    log,
    maintenance,
    reads,
    scope,
    transfer,
    undo,
    vault,
    worker,
    writes,
)
from memos.interface.cli.program import Program

app = typer.Typer(
    cls=Program,
    name="memos",
    help="MemOS: the memory store of AI agents. Every memory operation is an event.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

# In the order in which `memos --help` lists them.
for _family in (
    demo,
    writes,
    reads,
    context,
    scope,
    governance,
    administrators,
    undo,
    log,
    maintenance,
    evidence,
    transfer,
    backup,
    doctor,
    vault,
    engine,
    worker,
):
    _family.attach(app)

__all__ = ["app"]
