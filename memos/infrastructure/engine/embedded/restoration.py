"""An embedded vault that is restored from a backup: laid out beside its place, held to the list of erases
and checked there, and renamed when all of that is done.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path

import apsw

from memos.infrastructure.engine.embedded.backup import (
    KEY_FILES,
    beside_missing_keys,
    built,
    check_free,
)
from memos.infrastructure.engine.embedded.backup_manifest import (
    MANIFEST_FILE,
    ReadManifest,
    digest_of,
    read_manifest,
)
from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.infrastructure.engine.embedded.engine import EmbeddedEngine
from memos.infrastructure.engine.embedded.listed_erases import NOT_LISTED, keep_mark, kept_receipts
from memos.infrastructure.keys.erased_list import (
    ERASED_FILE,
    Erased,
    ErasedList,
    is_cut_off,
    read_erased,
)
from memos.infrastructure.keys.sqlite.key_file import (
    KEYS_FILE,
    LogEnd,
    explained_keys,
    read_known_log,
)
from memos.infrastructure.keys.sqlite.key_mark import seal_settings
from memos.infrastructure.progress import Progress
from memos.infrastructure.reports import Verification
from memos.infrastructure.sqlite.database import ROTATED_FORMAT
from memos.infrastructure.sqlite.statements import explained, row
from memos.infrastructure.writing import writing
from memos.kernel.errors import Damaged, InvalidInput


class EmbeddedRestoration:
    """A backup, and where it is to be restored.

    Args:
        backup: the backup's directory.
        directory: the vault's: a new one.
        keys: the directory with the keys, where they are apart.
        lists: lists of erases, beside the one that is with keys that are apart.
        is_list_lost: there is none.

    Raises:
        InvalidInput: something is not there that is needed, or the vault's directory is not empty.
        Damaged: the backup is not what was made.
    """

    def __init__(
        self,
        backup: Path,
        directory: Path,
        keys: Path | None,
        lists: Sequence[Path],
        *,
        is_list_lost: bool,
    ) -> None:
        check_free(directory, backup)
        self._directory = directory
        self._read = read_manifest(backup)
        apart = self._read.manifest.keys_apart
        if apart and keys is None:
            raise InvalidInput(
                f"the keys of {backup} were kept apart: name their directory with keys=; the "
                "newest keys of the vault open every older backup"
            )
        if not apart and keys is not None:
            raise InvalidInput(f"{backup} has its keys: leave out keys=")
        self._keys = read_manifest(keys) if keys is not None else self._read
        if self._keys.manifest.origin != self._read.manifest.origin:
            raise InvalidInput(
                f"{backup} is of the vault {self._read.manifest.origin}, and {keys} has the keys of "
                f"{self._keys.manifest.origin}: name those of the same vault"
            )
        # The list beside keys that were copied with the backup says nothing of what came since.
        self._newer_keys = self._keys.manifest.made > self._read.manifest.made
        beside_keys = [keys / ERASED_FILE] if keys is not None else []
        self._named = lists
        self._erased = self._lists([*beside_keys, *lists])
        self._known = LogEnd()
        self._has_list = bool(lists) or self._newer_keys
        if self._has_list == is_list_lost:
            raise InvalidInput(
                "a list of erases was named, and is said to be lost: say one of the two"
                if is_list_lost
                else f"say what was erased since {_told(self._read.manifest.made)}, when the backup was "
                f"made: erased= names the vault's {ERASED_FILE}, which lies beside its keys and "
                "in no backup; where it is lost, erased_lost=True brings back what was "
                "erased since"
            )

    @property
    def origin(self) -> str:
        """The vault's."""
        return self._read.manifest.origin

    @contextmanager
    def restored(self) -> Iterator[EmbeddedEngine]:
        """The vault, opened beside its place, which it gets when the block ends well.

        Raises:
            Damaged: a file is not what was backed up.
            DiskFull, VaultError: it cannot be written.
        """
        with built(self._directory) as building:
            for name in (DATABASE_FILE, *KEY_FILES):
                of = self._keys if name in KEY_FILES else self._read
                _take(of, name, building / name)
            ErasedList(building / ERASED_FILE).append(self._erased)
            self._known = _forget_log(building)
            with closing(EmbeddedEngine(building, create=False)) as engine:
                self._settle(engine)
                yield engine

    def check(self, engine: EmbeddedEngine, progress: Progress) -> Verification:
        """What a look at the vault finds.

        Raises:
            Damaged: something else than keys that are missing.
        """
        checked = engine.maintenance.verify(progress)
        problems = beside_missing_keys(checked)
        if problems:
            raise Damaged(
                f"nothing was restored, for the vault of this backup has problems, such as {problems}; "
                "restore another backup"
            )
        return checked

    def missing(self) -> Iterator[str]:
        """What is not in this backup, as far as can be told."""
        events = self._read.manifest.events
        yield f"what was written since {_told(self._read.manifest.made)}, when it was made"
        for path in self._named:
            if not path.stat().st_size:
                yield f"what was erased at any time, if anything was: {path} names nothing, as of a vault that erased nothing"
        if self._newer_keys and not self._named:
            yield f"what was erased since {_told(self._keys.manifest.made)}, when the keys were copied: it is back"
        if self._known.size > events:
            yield f"{self._known.size - events} records at least, which the log had when its keys were copied"

    def doubts(self, engine: EmbeddedEngine) -> Iterator[str]:
        """Why somebody may be back who was erased."""
        if not self._has_list:
            yield (
                f"no list of erases was there: what was erased since {_told(self._read.manifest.made)} is "
                "back; ask again for every erase since then"
            )
            return
        for path in self._named:
            if is_cut_off(path):
                yield (
                    f"the list of erases {path} ends amid a line: what was erased last may be back; restore "
                    "again with a whole copy of it"
                )
        newest = max((erased.time for erased in self._erased), default=0)
        with engine.stores.database.reading() as connection:
            receipts = kept_receipts(connection, engine.origin)
            known = max((receipt.time for receipt in receipts if receipt.time), default=0)
        if known > newest:
            listed = f"ends at {_told(newest)}" if newest else "is empty"
            yield (
                f"the list of erases {listed}, and the newest receipt that is known is of {_told(known)}: "
                "the list is an older one, and what was erased since the backup may be back; restore again "
                f"with the newest {ERASED_FILE}"
            )

    def _lists(self, paths: Sequence[Path]) -> list[Erased]:
        """The lines of all lists that are of this vault, each once.

        Raises:
            InvalidInput: a list is not there, or is of another vault.
        """
        lines: dict[Erased, None] = {}
        for path in paths:
            if not path.exists():
                raise InvalidInput(
                    f"there is no list of erases {path}: name the vault's {ERASED_FILE}"
                )
            lines |= dict.fromkeys(read_erased(path))
        foreign = next((one.origin for one in lines if one.origin != self.origin), None)
        if foreign is not None:
            raise InvalidInput(
                f"a list of erases is of the vault {foreign}, and the backup of {self.origin}: name that "
                "of the same vault"
            )
        return sorted(lines, key=lambda erased: erased.time)

    def _settle(self, engine: EmbeddedEngine) -> None:
        """See that the keys are those of this backup, and make the two one vault: the root key may have
        been rotated since.
        """
        stores = engine.stores
        for read in (self._read, self._keys):
            read.check_signature(stores.signer().verifier_key)

        def settle() -> None:
            writer = stores.database.writer
            if stores.keys.rotation.record() is not None:
                writer.execute(f"PRAGMA user_version = {ROTATED_FORMAT}")
            keep_mark(writer, NOT_LISTED)
            seal_settings(writer, stores.keys)

        stores.database.write(settle)


def _take(read: ReadManifest, name: str, target: Path) -> None:
    """Copy a file of a backup, which must be what was backed up."""
    source, digest = read.directory / name, read.manifest.files.get(name)
    if digest is None or not source.is_file():
        raise InvalidInput(
            f"{source} is missing: it is a part of the backup, as {MANIFEST_FILE} beside it says; put it "
            "there, or restore another backup"
        )
    with writing(target):
        shutil.copyfile(source, target)
        target.chmod(0o600)
        if digest_of(target) != digest:
            raise Damaged(f"{source} is not what was backed up: restore another backup")


def _forget_log(building: Path) -> LogEnd:
    """Let the key file know the log of this backup, where it knew a longer one; which that was."""
    database, path = building / DATABASE_FILE, building / KEYS_FILE
    with explained(database), closing(apsw.Connection(str(database))) as connection:
        sql = "SELECT offset + 1, leaf FROM event ORDER BY offset DESC LIMIT 1"
        end = LogEnd(*(row(connection, sql) or LogEnd()))
    with explained_keys(path), closing(apsw.Connection(str(path))) as keys:
        known = read_known_log(keys)
        keys.execute("PRAGMA secure_delete = ON").fetchall()
        keys.execute("UPDATE known_log SET size = ?, leaf = ?", tuple(end))
    return known


def _told(time: int) -> str:
    return datetime.fromtimestamp(time / 1e6, UTC).isoformat(timespec="seconds")
