"""What every command shares: which vault, on whose behalf, JSON or not, and how errors end it."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Concatenate, ParamSpec

import typer
from rich.console import Console

from memos.infrastructure.engine.location import names_settings
from memos.interface.cli.errors import ExitCode, report
from memos.interface.cli.screen import console
from memos.interface.memory import DEFAULT_ACTOR, Memory
from memos.interface.serialise import document
from memos.kernel.errors import InvalidInput, MemosError, VaultError

P = ParamSpec("P")

DEFAULT_VAULT = Path("memos.vault")

_VaultOption = Annotated[
    Path,
    typer.Option("--vault", envvar="MEMOS_VAULT", help="The vault: a directory or settings file."),
]
_ActorOption = Annotated[
    str, typer.Option("--actor", envvar="MEMOS_ACTOR", help="On whose behalf.")
]
_JsonOption = Annotated[
    bool, typer.Option("--json", help="Print the result, or the error, as JSON.")
]

CubeId = Annotated[str, typer.Argument(help="The memory's id, 36 characters.", show_default=False)]
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
Where = Annotated[
    str, typer.Option("--scope", help="Where to look, and in all that lies under it.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


@dataclass(frozen=True)
class Run:
    """One run of a command."""

    command: str
    vault: Path
    actor: str
    as_json: bool

    def open(self, *, create: bool = False) -> Memory:
        """Open the vault; only commands that add may make one.

        Raises:
            VaultError: there is none, or it cannot be opened.
            InvalidInput: it is a settings file that is not there.
        """
        # Opening tells of a settings file that is missing, as it does everywhere.
        if not create and not names_settings(self.vault) and not self.vault.exists():
            raise VaultError(
                f"there is no vault at {self.vault}: name another with --vault or MEMOS_VAULT; "
                "`memos add`, `memos import` and `memos load` make one"
            )
        return Memory(self.vault, actor=self.actor, create=create)

    def show(self, result: Any, draw: Callable[[Console], None]) -> None:
        """Print the result: as JSON where that was asked for, else as `draw` does."""
        if self.as_json:
            sys.stdout.write(document(self.command, result) + "\n")
        else:
            draw(console())

    def confirm(self, question: str, *, yes: bool) -> None:
        """Ask before something that cannot be taken back lightly.

        Raises:
            InvalidInput: there is nobody to ask.
            Exit: the answer is no.
        """
        if yes:
            return
        if not sys.stdin.isatty():
            raise InvalidInput(
                f"`memos {self.command}` asks before it acts, and there is no terminal to ask on: "
                "pass --yes, or --dry-run where the command has it; nothing was changed"
            )
        # Not typer.confirm: it writes to stdout, which belongs to the result.
        sys.stderr.write(f"{question} [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            sys.stderr.write("nothing was changed\n")
            raise typer.Exit(ExitCode.ERROR)


def command(
    app: typer.Typer, name: str, *, group: str = ""
) -> Callable[[Callable[Concatenate[Run, P], None]], Callable[Concatenate[Run, P], None]]:
    """Make a function a command with `--vault`, `--actor` and `--json`.

    The function gets a `Run` first, then its own arguments.
    """
    full_name = f"{group} {name}".strip()

    def register(
        work: Callable[Concatenate[Run, P], None],
    ) -> Callable[Concatenate[Run, P], None]:
        def invoke(**given: Any) -> None:
            run = Run(full_name, given.pop("vault"), given.pop("actor"), given.pop("as_json"))
            try:
                work(run, **given)  # type: ignore[call-arg] # typer names every argument
            except MemosError as error:
                raise typer.Exit(report(error, full_name, as_json=run.as_json)) from None

        signature = inspect.signature(work, eval_str=True)
        own = list(signature.parameters.values())[1:]
        keyword = inspect.Parameter.KEYWORD_ONLY
        shared = [
            inspect.Parameter("vault", keyword, default=DEFAULT_VAULT, annotation=_VaultOption),
            inspect.Parameter("actor", keyword, default=DEFAULT_ACTOR, annotation=_ActorOption),
            inspect.Parameter("as_json", keyword, default=False, annotation=_JsonOption),
        ]
        parameters = [each.replace(kind=keyword) for each in own] + shared
        invoke.__doc__ = work.__doc__
        invoke.__annotations__ = {}
        invoke.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        app.command(name)(invoke)
        return work

    return register


def text_or_stdin(text: str) -> str:
    """The text itself, or all of stdin where it is `-`."""
    if text != "-":
        return text
    try:
        return sys.stdin.buffer.read().decode()
    except UnicodeDecodeError as error:
        raise InvalidInput(f"stdin is no UTF-8 text: {error}") from None


def json_object(value: str | None, option: str) -> dict[str, Any] | None:
    """The JSON object that an option holds."""
    if value is None:
        return None
    try:
        parsed = json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{option} takes a JSON object: {error}") from None
    if not isinstance(parsed, dict):
        raise InvalidInput(f'{option} takes a JSON object such as {{"name": "value"}}')
    return parsed


def given(**options: Any) -> dict[str, Any]:
    """The options that were passed: what was not stays as the API has it."""
    return {name: value for name, value in options.items() if value is not None}
