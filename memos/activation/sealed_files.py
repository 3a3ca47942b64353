"""A directory of sealed boxes within its bytes: of what can be made again, the least recently used goes."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from stat import S_ISREG
from typing import NamedTuple

from memos.activation.sealed_box import (
    MOST_SEALED,
    UNFINISHED,
    OpenedBox,
    read_box,
    remove_unfinished,
    write_box,
)
from memos.infrastructure.writing import writing
from memos.kernel.errors import Damaged

SUFFIX = ".safetensors"
ABANDONED_SECONDS = 3600.0
"""Nobody writes a file for so long."""


class _File(NamedTuple):
    used: float
    size: int
    path: Path


class SealedFiles:
    """Safe for threads, and for several processes on one directory: a file is there whole or not at all.

    Args:
        directory: made where it is not there.
        most_bytes: of all its files.
    """

    def __init__(self, directory: Path, most_bytes: int) -> None:
        self._directory = directory
        self._most_bytes = most_bytes

    def write(self, name: str, told: Mapping[str, str], plain: bytes, sealing: bytes) -> bool:
        """Write a box; whether there is room for it at all. See `write_box`.

        Raises:
            VaultError: it cannot be written.
        """
        if len(plain) > min(self._most_bytes, MOST_SEALED):
            return False
        path = self._path(name)
        with writing(path):
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_box(path, told, plain, sealing)
        remove_unfinished(path)
        self._make_room(path)
        return True

    def read(self, name: str, sealing: bytes) -> OpenedBox | None:
        """What is in a box, which counts as its use; None where there is none.

        Raises:
            Damaged: it is not what was written.
        """
        path = self._path(name)
        if not self.note_use(name):
            return None
        try:
            return read_box(path, sealing)
        except Damaged:
            if path.exists():
                raise
            return None  # another process needed its room

    def note_use(self, name: str) -> bool:
        """Count a use of a box, wherever it was read; whether there is one."""
        try:
            os.utime(self._path(name), follow_symlinks=False)
        except OSError:
            return False
        return True

    def remove(self, beginning: str) -> list[str]:
        """Remove all boxes whose names begin so; those that there were."""
        return [
            each.path.name.removesuffix(SUFFIX)
            for each in self._files()
            if each.path.name.startswith(beginning) and _remove(each.path)
        ]

    def _make_room(self, newest: Path) -> None:
        files = sorted(self._files())
        over = sum(each.size for each in files) - self._most_bytes
        for each in files:
            if over <= 0:
                return
            if each.path != newest:
                over -= each.size * _remove(each.path)

    def _files(self) -> Iterator[_File]:
        with suppress(FileNotFoundError):
            for path in self._directory.iterdir():
                # Another process may remove it meanwhile.
                with suppress(OSError):
                    found = path.lstat()
                    if S_ISREG(found.st_mode) and _counts(path.name, found.st_mtime):
                        yield _File(found.st_mtime, found.st_size, path)

    def _path(self, name: str) -> Path:
        return self._directory / f"{name}{SUFFIX}"


def _counts(name: str, written: float) -> bool:
    """Whether a file is a box, or one that was never finished: who wrote it was killed."""
    is_left = name.endswith(UNFINISHED) and written < time.time() - ABANDONED_SECONDS
    return is_left or name.endswith(SUFFIX)


def _remove(path: Path) -> bool:
    try:
        path.unlink()
    except OSError:
        return False
    return True
