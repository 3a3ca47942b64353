"""Backing up an embedded vault while it is used: its files as they are at one moment, and verified.

The moment is taken under the write lock: no key is destroyed and no memory made between the key file's
copy and the moment of the database, which is then copied while others write. The list of erases is in
no backup: it is what an older one is held to. Beside keys that are kept apart it has its place.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import apsw

from memos.infrastructure.clock import system_time
from memos.infrastructure.directories import stage_beside
from memos.infrastructure.engine.embedded import audit
from memos.infrastructure.engine.embedded.backup_manifest import BackupManifest, digest_of
from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.keys.erased_list import ERASED_FILE
from memos.infrastructure.keys.root import sync_directory
from memos.infrastructure.keys.root_files import ROTATE_AGAIN
from memos.infrastructure.keys.sqlite.key_file import KEYS_FILE, ROOT_FILE
from memos.infrastructure.progress import Progress
from memos.infrastructure.reports import BackedUp, Verification
from memos.infrastructure.sqlite.statements import explained, row
from memos.infrastructure.writing import writing
from memos.kernel.errors import Damaged, InvalidInput, VaultError

KEY_FILES = (ROOT_FILE, KEYS_FILE)
PAGES = 2000
"""How many pages are copied between two words of progress."""


def backup(
    stores: EmbeddedStores, directory: Path, keys: Path | None, progress: Progress
) -> BackedUp:
    """See `engine.port.Maintenance.backup`."""
    for place in filter(None, (directory, keys)):
        check_free(place, stores.directory)
    if keys is not None and keys.absolute() == directory.absolute():
        raise InvalidInput(
            f"{keys} is named for both: keys that are apart need a directory of their own"
        )
    with built(directory) as building:
        _copy(stores, building, progress)
        checked, until = _verified(building, progress)
        if keys is None:
            _describe(stores, building, (DATABASE_FILE, *KEY_FILES), checked, keys_apart=False)
        else:
            with built(keys) as apart:
                for name in KEY_FILES:
                    shutil.move(building / name, apart / name)
                _copy_list(stores, apart)
                _describe(stores, apart, KEY_FILES, checked, keys_apart=False)
                _describe(stores, building, (DATABASE_FILE,), checked, keys_apart=True)
    return BackedUp(
        str(directory),
        str(keys or directory),
        checked.events,
        checked.cubes,
        until,
        checked.keys_missing,
    )


def check_free(directory: Path, source: Path) -> None:
    """Refuse a place that holds anything, or lies in what is copied.

    Raises:
        InvalidInput: it does.
    """
    with writing(directory):
        if source.absolute() in (directory.absolute(), *directory.absolute().parents):
            raise InvalidInput(f"{directory} lies in {source}: name a place outside it")
        if directory.exists() and not directory.is_dir():
            raise InvalidInput(f"{directory} is a file: name a new directory")
        if directory.exists() and any(directory.iterdir()):
            raise InvalidInput(f"{directory} is not empty: name a new directory")


@contextmanager
def built(directory: Path) -> Iterator[Path]:
    """A directory beside the one that is named, which gets its name when the block ends well."""
    with ExitStack() as stack:
        with writing(directory):
            building = stack.enter_context(stage_beside(directory))
        yield building
        with writing(directory):
            for path in building.iterdir():
                path.chmod(0o600)
                _sync(path)
            sync_directory(building)
            building.rename(directory)
            sync_directory(directory.absolute().parent)


def _copy(stores: EmbeddedStores, building: Path, progress: Progress) -> None:
    database = stores.database
    with database.reading() as connection:

        def take_moment() -> None:
            row(connection, "SELECT size FROM folded")  # its moment is that of its first read
            _copy_keys(stores, building)
            stores.erased.append(())  # there is one to copy, also where nothing was erased

        database.transact(take_moment)
        _copy_database(connection, building / DATABASE_FILE, progress)


def _copy_keys(stores: EmbeddedStores, building: Path) -> None:
    record = stores.keys.rotation.record()
    if record is not None and not record.is_complete:
        raise VaultError(
            f"the root key is being rotated, or that was cut off; no backup was made: {ROTATE_AGAIN}"
        )
    with stores.keys.file.reading() as connection:
        _copy_database(connection, building / KEYS_FILE, lambda done, total: None)
    with writing(building / ROOT_FILE):
        shutil.copyfile(stores.directory / ROOT_FILE, building / ROOT_FILE)


def _copy_database(
    source: apsw.Connection, path: Path, progress: Callable[[int, int], None]
) -> None:
    with explained(path), closing(apsw.Connection(str(path))) as copy:
        path.chmod(0o600)
        with copy.backup("main", source, "main") as copying:
            while not copying.done:
                copying.step(PAGES)
                progress(copying.page_count - copying.remaining, copying.page_count)


def _verified(building: Path, progress: Progress) -> tuple[Verification, datetime | None]:
    """What a look at the copy finds, opened as a vault; and when its last record was written.

    Raises:
        Damaged: it is not as it should be.
    """
    try:
        with closing(EmbeddedStores(building, system_time, create=False)) as copy:
            checked = audit.verify(copy, progress)
            with copy.database.reading() as connection:
                (last,) = row(connection, "SELECT log_time FROM frontier") or (0,)
        problems = beside_missing_keys(checked)
    except Damaged as error:
        problems = str(error)
    if problems:
        raise Damaged(
            f"no backup was made, for the copy has problems, such as {problems}. Run `memos verify`: where "
            "it finds the same, the vault has them"
        )
    return checked, datetime.fromtimestamp(last / 1e6, UTC) if last else None


def beside_missing_keys(checked: Verification) -> str:
    """The first problem of a vault that has others than keys that are missing; empty where it has none."""
    if len(checked.problems) <= checked.keys_missing:
        return ""
    first = checked.problems[0]
    return f"{first.where}: {first.what}"


def _copy_list(stores: EmbeddedStores, apart: Path) -> None:
    """The list of erases has its place beside the keys."""
    path = apart / ERASED_FILE
    with writing(path):
        shutil.copyfile(stores.erased.path, path)


def _describe(
    stores: EmbeddedStores,
    building: Path,
    names: Sequence[str],
    checked: Verification,
    *,
    keys_apart: bool,
) -> None:
    with writing(building):
        files = {name: digest_of(building / name) for name in names}
    manifest = BackupManifest(stores.origin, system_time(), checked.events, files, keys_apart)
    manifest.write(building, stores.signer())


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
