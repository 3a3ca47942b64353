"""Arguments and options that several commands take, and how their values are read."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from memos.kernel.errors import InvalidInput

IS_CUBE_ID = "is the id of a memory"
"""Marks what takes ids of memories: how one begins is enough, where no other begins so."""
CubeId = Annotated[
    str,
    typer.Argument(help="The memory's id, or how it begins.", show_default=False),
    IS_CUBE_ID,
]
ExpectVersion = Annotated[
    int | None,
    typer.Option("--expect-version", help="Refuse unless the memory is at this version."),
]
AsOfOption = Annotated[
    str | None,
    typer.Option("--as-of", help="A cut's name, a position (0:42) or a log time (ISO 8601)."),
]
FilterOption = Annotated[
    str | None, typer.Option("--filter", help='JSON, such as {"tags": "home"}.')
]
ScopeRoot = Annotated[
    str, typer.Option("--scope", help="Where to look, and in all that lies under it.")
]
ScopeRoots = Annotated[
    list[str],
    typer.Option(
        "--scope", help="Where to look, and in all that lies under it; may be repeated in a tenant."
    ),
]
AnyScopes = Annotated[
    list[str] | None,
    typer.Option(
        "--scope", help="In and under this scope; may be repeated. By default everywhere."
    ),
]
StateOption = Annotated[
    list[str] | None,
    typer.Option("--state", help="In this state; may be repeated. By default what searches show."),
]
FactsOption = Annotated[bool, typer.Option("--facts", help="Also facts that were extracted.")]
SinceTime = Annotated[str | None, typer.Option("--since", help="From this time on (ISO 8601).")]
UntilTime = Annotated[str | None, typer.Option("--until", help="Before this time (ISO 8601).")]
EmbedderOption = Annotated[
    str | None,
    typer.Option(
        "--embedder",
        envvar="MEMOS_EMBEDDER",
        help="Search by meaning as well, with this model: minilm or multilingual.",
    ),
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def text_or_stdin(text: str) -> str:
    """The text itself, or all of stdin where it is `-`.

    Raises:
        InvalidInput: stdin is empty, or no UTF-8.
    """
    if text != "-":
        return text
    try:
        piped = sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"stdin is no UTF-8 text: {error}") from None
    if not piped.strip():
        raise InvalidInput("stdin is empty: there is no text to take from it")
    return piped


def json_object(value: str | None, option: str) -> dict[str, Any] | None:
    """The JSON object that an option holds; None where the option was not passed.

    Raises:
        InvalidInput: the value is no JSON object.
    """
    if value is None:
        return None
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{option} takes a JSON object: {error}") from None
    if not isinstance(parsed, dict):
        raise InvalidInput(f'{option} takes a JSON object such as {{"name": "value"}}')
    return parsed


def json_lines(file: Path, option: str) -> list[dict[str, Any]]:
    """The JSON objects of a file, one a line; `-` reads them from stdin.

    Raises:
        InvalidInput: the file cannot be read, or a line is no JSON object; the message says which.
    """
    try:
        lines = (sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()).decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(f"{option}: {file} cannot be read: {error}") from None
    return [
        json_object(line, f"{option}, line {number}:") or {}
        for number, line in enumerate(lines.splitlines(), 1)
        if line.strip()
    ]
