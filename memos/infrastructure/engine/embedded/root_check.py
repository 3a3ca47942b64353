"""Whether a file holds the root key of an embedded vault, whatever lies in the place of that."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.infrastructure.keys.root import RootKey
from memos.infrastructure.keys.root_files import checked_by, nothing_to_check_by, offered_root
from memos.infrastructure.keys.settings_seal import SEAL, is_sealed
from memos.infrastructure.keys.sqlite.key_file import KEYS_FILE, explained_keys, read_root_record
from memos.infrastructure.keys.sqlite.key_mark import settings_of
from memos.infrastructure.keys.sqlite.unopened_keys import opens_any
from memos.infrastructure.reports import RootChecked
from memos.infrastructure.sqlite.connections import open_to_examine
from memos.infrastructure.sqlite.statements import explained
from memos.kernel.errors import VaultError


def check_root_key(directory: Path, path: Path) -> RootChecked:
    """Whether a file holds the vault's root key.

    Raises:
        InvalidInput: there is no such file, or it holds no root key.
        VaultError: there is no vault, or nothing there tells one root key from another.
    """
    root = offered_root(path)
    if not (directory / DATABASE_FILE).exists():
        raise VaultError(f"there is no vault at {directory}: name the directory of one")
    keys_path = directory / KEYS_FILE
    with explained_keys(keys_path), closing(open_to_examine(keys_path)) as keys:
        record = read_root_record(keys)
        if record is not None:
            return checked_by(record, path, root.fingerprint)
        fits = opens_any(keys, root)
    if fits is None:
        fits = _seals(directory, root)
    return RootChecked(str(path), fits)


def _seals(directory: Path, root: RootKey) -> bool:
    database = directory / DATABASE_FILE
    with explained(database), closing(open_to_examine(database)) as connection:
        settings = settings_of(connection)
    if not settings.get(SEAL):
        raise nothing_to_check_by(str(directory))
    return is_sealed(root, settings, settings[SEAL])
