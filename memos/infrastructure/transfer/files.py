"""The files of an export: written durably, read, summed, and what the signature over them says."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

_HANDLES = "/proc/self/fd"
SIGNED_AS = "memos export"


class NewFiles:
    """The files of an export while it is written: without a name, as far as the file system has such,
    so that a process that is killed leaves nothing of them.

    Args:
        directory: where they get their names in the end; on a file system without nameless files
            they have them from the beginning.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self._handles: dict[str, int] = {}

    @contextmanager
    def write(self, name: str) -> Iterator[BinaryIO]:
        """A new file, for the owner only, on the disk when the block ends well."""
        handle = self._create(name)
        with os.fdopen(os.dup(handle), "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())

    def path(self, name: str) -> Path:
        """Where a file can be opened for reading now."""
        handle = self._handles[name]
        return Path(f"{_HANDLES}/{handle}") if _is_nameless(handle) else self.directory / name

    def give_name(self, name: str, target: Path) -> None:
        """Put a file at a path where there is none.

        Raises:
            FileExistsError: there is a file.
        """
        handle = self._handles[name]
        if not _is_nameless(handle):
            if target != self.directory / name:
                os.link(self.directory / name, target)
            return
        handles = os.open(_HANDLES, os.O_RDONLY)
        try:
            # Following the link needs the call with directories, which `src_dir_fd` asks for.
            os.link(str(handle), target, src_dir_fd=handles, follow_symlinks=True)
        finally:
            os.close(handles)

    def close(self) -> None:
        """Let go of the files: those without a name are gone."""
        for handle in self._handles.values():
            os.close(handle)
        self._handles.clear()

    def _create(self, name: str) -> int:
        path = self.directory / name
        try:
            handle = os.open(self.directory, os.O_RDWR | getattr(os, "O_TMPFILE", os.O_EXCL), 0o600)
        except OSError:  # this file system gives a file a name when it is made
            handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        self._handles[name] = handle
        return handle


class PassingFiles(NewFiles):
    """The files of an export while it is read, out of an archive: they never get a name, and are gone
    with the process.
    """

    @contextmanager
    def write(self, name: str) -> Iterator[BinaryIO]:
        """A new file, for the owner only."""
        with os.fdopen(os.dup(self._create(name)), "wb") as file:
            yield file

    def _create(self, name: str) -> int:
        handle = super()._create(name)
        if Path(_HANDLES).exists():  # else nothing could be opened by its handle
            (self.directory / name).unlink(missing_ok=True)
        return handle


def _is_nameless(handle: int) -> bool:
    return os.fstat(handle).st_nlink == 0


def file_sum(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    total = sha256()
    with path.open("rb") as file:
        while chunk := file.read(2**20):
            total.update(chunk)
    return total.hexdigest()


def signed_text(sums: bytes) -> str:
    """What the vault signs: the digest of the checksums, and with them every byte of the export."""
    return f"{SIGNED_AS}\n{sha256(sums).hexdigest()}\n"
