"""Directories in which something is built before it gets its name."""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_STAGE = re.compile(r"\..+\.\d+\.[0-9a-f]{8}\.staged", re.DOTALL)


@contextmanager
def stage_beside(target: Path) -> Iterator[Path]:
    """A new directory, for the owner only, beside `target`; gone afterwards unless renamed.

    Whoever is killed leaves its own behind, which the next one in the same place removes: a lock says
    which of them somebody still works in.

    Raises:
        OSError: it cannot be made there.
    """
    parent = target.absolute().parent
    stage = parent / f".{target.name}.{os.getpid()}.{secrets.token_hex(4)}.staged"
    lock = None
    try:
        parent.mkdir(parents=True, exist_ok=True)
        with _turn_in(parent):
            _remove_left(parent)
            stage.mkdir(mode=0o700)
            lock = _lock(stage)
        yield stage
    finally:
        remove_tree(stage)
        if lock is not None:
            os.close(lock)


@contextmanager
def _turn_in(parent: Path) -> Iterator[None]:
    """One at a time: a stage is not seen before it has its lock."""
    if _STAGE.fullmatch(parent.name):
        yield  # whoever holds its lock is alone in it
        return
    turn = os.open(parent, os.O_RDONLY)
    try:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield
    finally:
        os.close(turn)


def _remove_left(parent: Path) -> None:
    """Remove the stages in which nobody works any more, whatever they were for."""
    for left in [path for path in parent.iterdir() if _STAGE.fullmatch(path.name)]:
        try:
            lock = _lock(left)
        except FileNotFoundError:
            continue  # it has just come to its end
        if lock is not None:
            remove_tree(left)
            os.close(lock)


def _lock(stage: Path) -> int | None:
    """A handle that holds the lock of a stage; None where somebody else does."""
    handle = os.open(stage, os.O_RDONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(handle)
        return None
    return handle


def remove_tree(directory: Path) -> None:
    """Remove a directory, if it is there, with all in it; what interrupts that is raised afterwards."""
    try:
        shutil.rmtree(directory, ignore_errors=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
