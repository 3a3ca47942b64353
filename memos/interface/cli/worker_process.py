"""What commands that run a worker share: its metrics, what has to be installed, and its process."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from typing import Annotated

import typer

from memos.infrastructure.release import pip_install
from memos.kernel.errors import InvalidInput

Port = Annotated[
    int | None, typer.Option("--metrics-port", help="Where Prometheus reads; 0 takes a free port.")
]
Host = Annotated[str, typer.Option("--metrics-host", help="On which address.")]
DEFAULT_HOST = "127.0.0.1"


def become(line: list[str]) -> None:
    """Put a program in this process's place: a supervisor then sees the worker itself."""
    sys.stdout.flush()
    os.execv(line[0], line)  # noqa: S606 - this interpreter


def check_installed(packages: Sequence[str], who_needs: str, extra: str) -> None:
    """See that packages are there, which an extra brings.

    Raises:
        InvalidInput: some are not.
    """
    missing = [package for package in packages if find_spec(package) is None]
    if missing:
        raise InvalidInput(f"{who_needs} {' and '.join(missing)}: `{pip_install(extra)}`")
