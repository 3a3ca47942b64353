"""Removing an embedded vault: its files, and the directory where nothing else is in it."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from memos.infrastructure.engine.embedded.creation import DATABASE_FILE, check_not_lost
from memos.infrastructure.keys.erased_list import ERASED_FILE
from memos.infrastructure.keys.root_files import former_file, next_file
from memos.infrastructure.keys.sqlite.key_file import KEYS_FILE, ROOT_FILE
from memos.infrastructure.sqlite.connections import open_connection
from memos.infrastructure.sqlite.statements import explained, row
from memos.kernel.errors import VaultError

_SIDES = ("", "-wal", "-shm", "-journal")

FILES = (
    # The root key first: what is left of an attempt that was cut off opens nothing. The database last: it
    # says whose the vault is.
    ROOT_FILE,
    *(kept(Path(ROOT_FILE)).name for kept in (next_file, former_file)),
    *(KEYS_FILE + side for side in _SIDES),
    ERASED_FILE,
    *(DATABASE_FILE + side for side in reversed(_SIDES)),
)


class EmbeddedRemoval:
    """See `engine.removal.VaultRemoval`. A process that has the vault open is told at its next write.

    Raises:
        VaultError: there is no vault in the directory, or its database cannot be read.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        path = directory / DATABASE_FILE
        if not path.exists():
            check_not_lost(directory)
            raise VaultError(f"there is no vault at {directory}")
        with explained(path), closing(open_connection(path)) as connection:
            found = row(connection, "SELECT value FROM setting WHERE name = 'administrator'")
        self.administrator = "" if found is None else str(found[0])

    def goes(self) -> list[str]:
        there = [self._directory / name for name in FILES]
        return [str(path) for path in there if path.exists()]

    def stays(self) -> list[str]:
        others = sorted(path for path in self._directory.iterdir() if path.name not in FILES)
        return [f"{path}: no file of a vault" for path in others]

    def remove(self) -> None:
        try:
            for name in FILES:
                (self._directory / name).unlink(missing_ok=True)
            if not any(self._directory.iterdir()):
                self._directory.rmdir()
        except OSError as error:
            raise VaultError(
                f"{error.filename} cannot be removed ({error.strerror}): see its rights, and run the "
                "same command again"
            ) from error

    def close(self) -> None:
        return
