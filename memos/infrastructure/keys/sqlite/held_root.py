"""The root key that this process holds of a key file, and whether it is the one that the file has now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import apsw

from memos.infrastructure.keys.root import RootKey
from memos.infrastructure.keys.root_files import prepare_next, promote_next, vault_root
from memos.infrastructure.keys.root_record import RootRecord
from memos.infrastructure.keys.sqlite.key_file import explained_keys, read_root_record
from memos.kernel.errors import Damaged, VaultError, WrongRootKey

T = TypeVar("T")
Statement = tuple[str, Sequence[object]]

REQUIRED = "SELECT 1 FROM root_key WHERE is_other_root(record)"
"""Ends a transaction, before it writes, that would wrap keys under another root key than the file's."""

_KEEP = "INSERT OR REPLACE INTO root_key VALUES (0, ?)"


class SqliteHeldRoot:
    """Not safe for threads: the key store's lock is around it.

    Args:
        path: the root key's file.
        keys: the key file, opened.
        keys_path: where that is.
    """

    def __init__(self, path: Path, keys: apsw.Connection, keys_path: Path) -> None:
        self._path = path
        self._keys = keys
        self._keys_path = keys_path
        self.key = self._read()
        keys.create_scalar_function("is_other_root", self._is_other, 1)

    def record(self) -> RootRecord | None:
        """What the key file has of its root key; None where that was never rotated."""
        with explained_keys(self._keys_path):
            return read_root_record(self._keys)

    def reload(self) -> None:
        """Hold the root key as the key file has it now."""
        self.key = self._read()

    def follow(self) -> bool:
        """Take the root key that another process has put in the place of this one; whether there is one.

        Raises:
            WrongRootKey: it is not where it should be.
        """
        record = self.record()
        if record is None or record.fingerprint == self.key.fingerprint:
            return False
        self.key = self._read()
        return True

    def current(self) -> RootKey:
        """The root key that the key file has now."""
        self.follow()
        return self.key

    def opened(self, read: Callable[[RootKey], T]) -> T:
        """What `read` reads and opens; once more where the root key was rotated meanwhile."""
        try:
            return read(self.key)
        except Damaged:
            if not self.follow():
                raise
            return read(self.key)

    def is_in_its_file(self) -> bool:
        """Whether the file that others open the vault with holds this key."""
        try:
            self.follow()
            return RootKey.read(self._path).fingerprint == self.key.fingerprint
        except VaultError:
            return False

    def prepare(self, offered: Path | None) -> RootKey:
        """The root key that is to follow; see `prepare_next`."""
        return prepare_next(self._path, self.key, offered)

    def succession(self, new: RootKey, time: int, actor: str) -> list[Statement]:
        """What wraps every key under a new root key, and says so: those that are there as it runs. A row
        that opens under no key stays as it is, for an audit to name.
        """
        record = self.key.succession(new, time, actor)
        held = new.under(record)
        for name, renewed in (
            ("renewed_tenant", held.renewed_tenant),
            ("renewed_subject", held.renewed_subject),
        ):
            self._keys.create_scalar_function(name, partial(_renewed, renewed), 3)
        return [
            (_KEEP, (record.to_text(),)),
            ("UPDATE tenant_key SET wrapped = renewed_tenant(tenant, place, wrapped)", ()),
            ("UPDATE subject_key SET wrapped = renewed_subject(tenant, subject, wrapped)", ()),
        ]

    def promote(self) -> None:
        """Give the root key's file to the key that is held; see `promote_next`."""
        promote_next(self._path, self.key.fingerprint)

    def completion(self) -> list[Statement]:
        """What says that nothing is wrapped under the former root key any more."""
        record = self.record()
        return [] if record is None else [(_KEEP, (record.completed().to_text(),))]

    def _is_other(self, *columns: object) -> bool:
        record = RootRecord.from_text(columns[0], self._keys_path.name)
        if record.fingerprint != self.key.fingerprint:
            raise WrongRootKey(
                "another process has rotated the root key of this vault meanwhile; nothing was "
                "written: try again"
            )
        return False

    def _read(self) -> RootKey:
        return vault_root(self._path, self.record(), str(self._keys_path), RootKey.read)


def _renewed(renewed: Callable[[Any, Any, Any], bytes | None], *columns: Any) -> Any:
    again = renewed(*columns)
    return columns[-1] if again is None else again
