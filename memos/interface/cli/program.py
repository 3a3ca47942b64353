"""The program itself: its entry, and what a command line that cannot be understood gets."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Sequence
from typing import Any

import typer
from typer.core import TyperGroup

from memos.interface.cli.errors import ExitCode, report_usage
from memos.interface.cli.terminal import clean, forgiving_streams


def _show_warning(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as errors are: what is said, and not where in the program."""
    sys.stderr.write(f"warning: {clean(str(message))}\n")


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
                complete_var,
                standalone_mode=False,
                windows_expand_args=windows_expand_args,
                **extra,
            )
        except typer.TyperException as error:
            sys.exit(report_usage(error, as_json="--json" in arguments))
        except typer.Abort:
            sys.stderr.write("stopped; nothing more was done\n")
            sys.exit(ExitCode.ERROR)
        sys.exit(code or ExitCode.OK)
