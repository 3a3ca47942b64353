"""Processes that end with the one that starts them."""

from __future__ import annotations

import shutil
from collections.abc import Sequence


def ends_with_us(command: Sequence[str]) -> list[str]:
    """A worker's command, such that the system kills it when the thread that starts it ends.

    Linux only: elsewhere it is the command as it is, and a killed run leaves the worker behind.
    """
    setpriv = shutil.which("setpriv")
    return [*([setpriv, "--pdeathsig", "KILL"] if setpriv else []), *command]
