"""What every command is: a function with a vault, an actor, JSON or not, and an exit code."""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Concatenate, NoReturn, ParamSpec, get_args

import typer

from memos.interface.actor import DEFAULT_ACTOR
from memos.interface.cli.errors import ExitCode, report
from memos.interface.cli.options import IS_CUBE_ID
from memos.interface.cli.root_command import Command
from memos.interface.cli.terminal import Console, clean, console
from memos.interface.cli.wording import names_of, spoken
from memos.interface.serialise import document
from memos.kernel.errors import DiskFull, InvalidInput, MemosError, ReadOnly, VaultError

if TYPE_CHECKING:
    from memos.interface.memory import Memory

P = ParamSpec("P")

DEFAULT_VAULT = Path("memos.vault")
ID_LENGTH = 36
"""Of a whole id; what is shorter says how one begins."""

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


@dataclass(frozen=True)
class Run:
    """One run of a command."""

    command: str
    vault: Path
    actor: str
    as_json: bool

    @contextmanager
    def open(self, *, create: bool = False, embedder: str | None = None) -> Iterator[Memory]:
        """The vault, opened; only commands that add may make one. Where this user may only read it, it is
        opened for reading.

        Args:
            create: make it, where there is none.
            embedder: search by meaning with this model; what waits for it is embedded first.

        Raises:
            VaultError: there is none, or it cannot be opened.
            InvalidInput: it is a settings file that is not there.
        """
        memory = self._opened(create=create, embedder=embedder)
        try:
            # On servers the worker embeds, and a search says how far it is.
            if embedder is not None and self.is_embedded:
                with suppress(ReadOnly):  # what waits is found by its words
                    memory.embed_pending()
            yield memory
        except BaseException:
            with suppress(DiskFull):  # what was read is not noted; the error is another
                memory.close()
            raise
        try:
            memory.close()
        except (
            DiskFull
        ) as error:  # a write would have failed before: only what was read is not noted
            warnings.warn(f"{error}; that this was read is not noted", stacklevel=1)

    @property
    def is_embedded(self) -> bool:
        """Whether the vault is a directory, which this process works on itself."""
        from memos.infrastructure.engine.location import embedded_directory

        return embedded_directory(self.vault) is not None

    def _opened(self, *, create: bool, embedder: str | None) -> Memory:
        # Imported here: a command that opens no vault starts without it.
        from memos.infrastructure.engine.location import can_only_be_read, names_settings
        from memos.interface.memory import Memory

        # A settings file that is missing is refused by Memory, as everywhere.
        if not create and not names_settings(self.vault) and not self.vault.exists():
            raise VaultError(
                f"there is no vault at {self.vault}: name another with --vault or MEMOS_VAULT; "
                "`memos add`, `memos import` and `memos load` make one"
            )
        if can_only_be_read(self.vault):
            return Memory(self.vault, actor=self.actor, mode="read", embedder=embedder)
        try:
            return Memory(self.vault, actor=self.actor, create=create, embedder=embedder)
        except DiskFull as error:
            if create:
                raise
            warnings.warn(f"{error}; it is opened for reading", stacklevel=1)
            return Memory(self.vault, actor=self.actor, mode="read", embedder=embedder)

    def whole_id(self, given: str) -> str:
        """The id of the one memory that is meant by an id, or by how it begins.

        Raises:
            NotFound, InvalidInput: none begins so, or several do.
        """
        cube_id, at, version = given.partition("@")  # which some take behind it
        if len(cube_id) >= ID_LENGTH:
            return given
        with self.open() as memory:
            return memory.find_id(cube_id) + at + version

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
        if not yes and self._ask(f"{question} [y/N] ").lower() not in ("y", "yes"):
            _change_nothing()

    def confirm_by_name(self, question: str, name: str, *, yes: bool) -> None:
        """As `confirm`, of what cannot be taken back at all: a name has to be typed."""
        if not yes and self._ask(f"{question}. Type {clean(name)} to go on: ") != name:
            _change_nothing()

    def check_terminal(self) -> None:
        """See that there is somebody to ask, before what is asked about is shown.

        Raises:
            InvalidInput: there is nobody.
        """
        if not sys.stdin.isatty():
            raise InvalidInput(
                f"`memos {self.command}` asks before it acts, and there is no terminal to ask on: "
                "pass --yes, or --dry-run where the command has it; nothing was changed"
            )

    def _ask(self, question: str) -> str:
        self.check_terminal()
        # Not typer.confirm: it writes to stdout, which belongs to the result.
        sys.stderr.write(question)
        sys.stderr.flush()
        return sys.stdin.readline().strip()


def _change_nothing() -> NoReturn:
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
        def invoke(*, vault: Path, actor: str, as_json: bool, **own_arguments: Any) -> None:
            run = Run(full_name, vault, actor, as_json)
            try:
                for name in cube_ids:
                    own_arguments[name] = _whole_ids(run, own_arguments[name])
                work(run, **own_arguments)  # type: ignore[call-arg] # typer names every argument
            except MemosError as error:
                told = spoken(str(error), options)
                raise typer.Exit(report(error, told, full_name, as_json=as_json)) from None

        signature = inspect.signature(work, eval_str=True)
        own = list(signature.parameters.values())[1:]
        options = names_of(own)
        cube_ids = [each.name for each in own if IS_CUBE_ID in get_args(each.annotation)]
        keyword = inspect.Parameter.KEYWORD_ONLY
        shared = [
            inspect.Parameter("vault", keyword, default=DEFAULT_VAULT, annotation=_VaultOption),
            inspect.Parameter("actor", keyword, default=DEFAULT_ACTOR, annotation=_ActorOption),
            inspect.Parameter("as_json", keyword, default=False, annotation=_JsonOption),
        ]
        parameters = [parameter.replace(kind=keyword) for parameter in own] + shared
        invoke.__doc__ = work.__doc__
        invoke.__annotations__ = {}
        invoke.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        app.command(name, cls=Command)(invoke)
        return work

    return register


def _whole_ids(run: Run, given: Any) -> Any:
    """The whole ids of one memory, of several, or of none."""
    if isinstance(given, str):
        return run.whole_id(given)
    return given and [run.whole_id(each) for each in given]
