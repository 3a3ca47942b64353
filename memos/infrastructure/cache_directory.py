"""What is fetched or made once for all vaults, in a cache directory of the user's."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path


def cache_directory(variable: str, name: str) -> Path:
    """What an environment variable names, else ~/.cache/memos and a name."""
    named = os.environ.get(variable)
    if named:
        return Path(named).expanduser().resolve()
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) if home else Path.home() / ".cache") / "memos" / name


def made_once(home: Path, name: str, make: Callable[[Path], None]) -> Path:
    """A directory in the cache, made where it is not there: in a temporary one that is renamed, so that
    what was cut off is made again, and of two that run at once one wins.

    Args:
        home: the cache directory.
        name: the directory's.
        make: fills an empty directory.
    """
    finished = home / name
    if finished.is_dir():
        return finished
    home.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{name}.", dir=home) as scratch:
        unfinished = Path(scratch) / name
        unfinished.mkdir()
        make(unfinished)
        try:
            unfinished.rename(finished)
        except OSError:
            if not finished.is_dir():  # else another process was faster, and its copy is as good
                raise
    return finished
