"""What a command line of `memos serve` says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from typer.main import get_command

from memos.interface.cli import program


def served_with(line: Sequence[str]) -> dict[str, Any]:
    """The options of a command line that begins with `serve`; an unknown one is an error."""
    name, *options = line
    group: Any = get_command(program([name]))
    params: dict[str, Any] = group.commands[name].make_context(name, options).params
    return params
