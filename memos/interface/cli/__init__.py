"""The program `memos`: every call of the Memory API as a command."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from importlib import import_module
from typing import TYPE_CHECKING

from memos.infrastructure.release import RELEASE_LINE
from memos.interface.cli.completion import COMPLETE

if TYPE_CHECKING:
    import typer

# In the order in which `memos --help` lists them. A command that is named here starts without the
# others; one that is not, starts as well, and with all of them.
FAMILIES: Mapping[str, str] = {
    "demo": "demo",
    "writes": "add update tag untag link merge",
    "reads": "search get history diff lineage",
    "listing": "list count scopes subjects",
    "context": "context related route",
    "chat": "chat",
    "forms": "activate activations evict materialise schedule",
    "adapters": "distil backpatch adapters",
    "learn": "learn",
    "scope": "tags vocabulary sensitivities keep-queries queries facts",
    "governance": "archive restore freeze thaw hold lift-hold set-header lifespan sweep",
    "administrators": "administrator",
    "api_keys": "api-key",
    "undo": "rollback erase",
    "log": "events tail",
    "accesses": "accesses denials",
    "maintenance": "cut checkpoint verify audit prove rebuild digest stats",
    "evidence": "check-proof check-receipt",
    "transfer": "import export load recipient",
    "backup": "backup",
    "doctor": "doctor",
    "vault": "vault migrate",
    "engine": "engine",
    "worker": "worker",
    "serve": "serve",
    "mcp": "mcp",
    "hosts": "hosts",
}

app: typer.Typer
"""The whole program; made when it is asked for."""


def run(arguments: Sequence[str]) -> None:
    """Run one command line and exit."""
    named = next((word for word in arguments if not word.startswith("-")), "")
    family = [name for name, commands in FAMILIES.items() if named in commands.split()]
    if list(arguments) == ["--version"]:  # needs nothing of what reads a command line
        sys.stdout.write(RELEASE_LINE)
    elif family and COMPLETE not in os.environ:
        program(family)(arguments)
    else:
        program(FAMILIES)(arguments)


def program(families: Iterable[str]) -> typer.Typer:
    """The program with the commands of some families."""
    import typer

    from memos.interface.cli.root_command import Program, root

    made = typer.Typer(
        cls=Program,
        name="memos",
        help="MemOS: the memory store of AI agents. Every memory operation is an event.",
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
        pretty_exceptions_enable=False,
    )
    made.callback()(root)
    for name in families:
        import_module(f"{__name__}.{name}").attach(made)
    return made


def __getattr__(name: str) -> typer.Typer:
    if name != "app":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    made = globals()["app"] = program(FAMILIES)
    return made


__all__ = ["FAMILIES", "app", "program", "run"]
