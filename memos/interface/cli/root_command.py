"""The program itself: its entry, how it reads a command line, and what one gets that cannot be
understood.
"""

from __future__ import annotations

import re
import sys
import warnings
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup, TyperOption

from memos.infrastructure.release import RELEASE_LINE
from memos.interface.cli.completion import COMPLETE
from memos.interface.cli.errors import ExitCode, report_usage
from memos.interface.cli.terminal import clean, forgiving_streams

_TEXT = re.compile(r"-\d|-.*\s", re.DOTALL)
"""What begins with `-` and is no option: a number, or several words."""


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as errors are: what is said, and not where in the program."""
    sys.stderr.write(f"warning: {clean(str(message))}\n")


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(RELEASE_LINE)
        raise typer.Exit


def root(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_show_version, help="Which release this is."
        ),
    ] = False,
) -> None:
    """Take what stands before the command."""


class Program(TyperGroup):
    """Reports usage errors as all others: one paragraph, or JSON, on stderr."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        complete_var: str | None = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        """Run one command line and exit."""
        forgiving_streams()
        warnings.showwarning = _show_warning
        arguments = sys.argv[1:] if args is None else list(args)
        try:
            code = super().main(
                arguments,
                prog_name or "memos",
                complete_var or COMPLETE,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
            sys.stdout.flush()  # here a reader that has left is told apart
        except typer.TyperException as error:
            sys.exit(report_usage(error, as_json="--json" in arguments))
        except typer.Abort:
            sys.stderr.write("stopped; nothing more was done\n")
            sys.exit(ExitCode.ERROR)
        sys.exit(code or ExitCode.OK)


class Command(TyperCommand):
    """A command that takes a text which begins with `-` for a text."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read the command line behind the command's name."""
        takes_value = {
            name: not (parameter.is_flag or parameter.count)
            for parameter in self.get_params(ctx)
            if isinstance(parameter, TyperOption)
            for name in (*parameter.opts, *parameter.secondary_opts)
        }
        return super().parse_args(ctx, texts_last(args, takes_value))


def texts_last(arguments: list[str], takes_value: Mapping[str, bool]) -> list[str]:
    """A command line whose texts stand behind `--`, where one of them begins with `-`.

    Args:
        arguments: the command line.
        takes_value: of each option, whether what follows it is its value.
    """
    if "--" in arguments:
        return arguments
    options: list[str] = []
    texts: list[str] = []
    rest = iter(arguments)
    for word in rest:
        name, _, _ = word.partition("=")
        if word in takes_value:
            options += [word, *islice(rest, int(takes_value[word]))]
        elif name not in takes_value and (word[:1] != "-" or word == "-" or _TEXT.match(word)):
            texts.append(word)
        else:
            options.append(word)
    if any(_TEXT.match(text) for text in texts):
        return [*options, "--", *texts]
    return arguments
