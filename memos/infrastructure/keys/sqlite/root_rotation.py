"""Rotating the root key of a key file, step by step."""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.clock import system_time
from memos.infrastructure.keys.root import RootKey
from memos.infrastructure.keys.root_record import RootRecord
from memos.infrastructure.keys.sqlite.held_root import SqliteHeldRoot
from memos.infrastructure.keys.sqlite.open_key_file import OpenKeyFile


class SqliteRootRotation:
    """Safe for threads and processes.

    Args:
        file: the key file.
        root: the root key that its keys are wrapped under.
    """

    def __init__(self, file: OpenKeyFile, root: SqliteHeldRoot) -> None:
        self._file = file
        self._root = root

    def record(self) -> RootRecord | None:
        """What is kept of the root key; None where that was never rotated."""
        with self._file.lock:
            return self._root.record()

    def is_in_its_file(self) -> bool:
        """Whether the root key's file holds the root key of this vault."""
        with self._file.lock:
            return self._root.is_in_its_file()

    def prepare(self, offered: Path | None) -> RootKey:
        """The root key that is to follow, on the disk; see `root_files.prepare_next`."""
        with self._file.lock:
            return self._root.prepare(offered)

    def rotate(self, new: RootKey, actor: str) -> None:
        """Wrap every key under a new root key, all in one transaction. Call under the vault's write
        lock.

        Raises:
            WrongRootKey: another process has rotated it meanwhile.
        """
        with self._file.lock:
            if new.fingerprint == self._root.key.fingerprint:
                return
            self._file.write(self._root.succession(new, system_time(), actor))
            self._root.follow()

    def promote(self) -> None:
        """Give the root key's file to the root key that the vault has."""
        with self._file.lock:
            self._root.promote()

    def complete(self) -> None:
        """Forget the root key of before the last rotation, once nothing is under it."""
        with self._file.lock:
            self._file.write(self._root.completion())
            self._root.reload()
