"""What is wrong with the keys of a vault, beside its log. Reads only; see `doctor`."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import apsw

from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.infrastructure.engine.embedded.key_presence import cubes_without_keys, lost_tenants
from memos.infrastructure.engine.embedded.strange_objects import strange_in_key_file
from memos.infrastructure.keys.root import RootKey
from memos.infrastructure.keys.root_files import ROTATE_AGAIN, UNFINISHED, vault_root
from memos.infrastructure.keys.root_record import RootRecord
from memos.infrastructure.keys.settings_seal import SEAL, is_sealed
from memos.infrastructure.keys.sqlite.key_file import (
    KEYS_FILE,
    ROOT_FILE,
    explained_keys,
    has_tables,
    read_known_log,
    read_root_record,
    read_written,
    subject_ids,
    tenant_ids,
)
from memos.infrastructure.keys.sqlite.key_mark import (
    mark_of,
    older_key_file,
    older_vault,
    settings_of,
)
from memos.infrastructure.keys.sqlite.unopened_keys import COUNT_KEYS, SHUT, unopened_keys
from memos.infrastructure.reports import Finding, Problem
from memos.infrastructure.sqlite.objects import NOT_OURS
from memos.infrastructure.sqlite.statements import BUSY_SECONDS, PUT_BACK, row
from memos.kernel.errors import Damaged, VaultError

BACKUP_OF_KEYS = "put it back from your backup: memories cannot be opened without their keys"
BACKUP_OF_ROOT = "put it back from your backup: nothing opens without the root key"
MOST_KEYS_NAMED = 5


def root_key(directory: Path) -> Generator[Finding, None, RootKey | None]:
    """The root key; None where there is none, which is told here unless the file is missing."""
    path = directory / ROOT_FILE
    if not path.is_file():
        return None
    record: RootRecord | None = None
    # What is wrong with the key file is told where that is looked at.
    with suppress(VaultError), _opened_keys(directory / KEYS_FILE) as keys:
        record = read_root_record(keys)
    if record is not None and not record.is_complete:
        yield Finding("warning", UNFINISHED, ROTATE_AGAIN)
    try:
        return vault_root(path, record, f"the vault {directory}", RootKey.read)
    except VaultError as error:
        yield Finding("error", str(error), BACKUP_OF_ROOT)
        return None


def unopened_findings(path: Path, root: RootKey) -> Iterator[Finding]:
    """Whether the root key opens what is wrapped under it."""
    try:
        with _opened_keys(path) as keys:
            problems = list(unopened_keys(keys, root))
            (count,) = row(keys, COUNT_KEYS) or (0,)
    except VaultError:
        return  # told where the file is looked at
    shut = [name for name, what in problems if what == SHUT]
    if shut and len(shut) == count:
        yield Finding(
            "error",
            f"{ROOT_FILE} opens none of the {count} keys in {path.name}: one of the two is another "
            "vault's",
            "put back the one of this vault from your backup: memories cannot be opened without both",
        )
        return
    for name, what in problems[:MOST_KEYS_NAMED]:
        yield Finding("error", f"{path.name}: the key of {name} {what}", BACKUP_OF_KEYS)
    if len(problems) > MOST_KEYS_NAMED:
        more = len(problems) - MOST_KEYS_NAMED
        yield Finding("error", f"{path.name}: so it is with {more} more keys", BACKUP_OF_KEYS)


def seal_findings(connection: apsw.Connection, root: RootKey) -> Iterator[Finding]:
    """Whether the settings are those that were sealed under the root key; an earlier release's are
    under no seal.
    """
    settings = settings_of(connection)
    seal = settings.get(SEAL)
    if seal and not is_sealed(root, settings, seal):
        yield Finding(
            "error",
            f"the settings in {DATABASE_FILE} are not those that were sealed under {ROOT_FILE}: one of "
            "the two was changed, or is another vault's",
            "put back the one of this vault from your backup",
        )


def key_findings(connection: apsw.Connection, path: Path) -> Iterator[Finding]:
    """Whether the key file is the one that the vault was last used with, and has what it needs."""
    if not path.is_file():
        return
    try:
        with _opened_keys(path) as keys:
            keys.execute("BEGIN")  # nobody writes a key, until the vault's moment is chosen
            written, kept = read_written(keys, path), subject_ids(keys)
            tenants = tenant_ids(keys)
            known = read_known_log(keys)
            read_root_record(keys)
            strange = list(strange_in_key_file(keys))
            begin_reading(connection)
    except VaultError as error:
        yield Finding("error", f"{path.name} cannot be read: {error}", BACKUP_OF_KEYS)
        return
    yield from map(strange_finding, strange)
    older = older_key_file(written, mark_of(connection))
    if older:
        yield Finding("error", older, "put the newer file back")
    for tenant in lost_tenants(connection, tenants):
        yield Finding(
            "error",
            f"the key of tenant {tenant!r} is missing in {path.name}: nothing of it can be searched",
            BACKUP_OF_KEYS,
        )
    older = older_vault(connection, known)
    if older:
        yield Finding("error", f"{DATABASE_FILE}: {older}", "put the newer file back")
    count = sum(1 for _ in cubes_without_keys(connection, kept))
    if count:
        yield Finding(
            "error",
            f"the keys of {count} memories are missing, though nobody erased them",
            BACKUP_OF_KEYS,
        )


@contextmanager
def _opened_keys(path: Path) -> Iterator[apsw.Connection]:
    if not path.is_file():  # to open a queue is to wait for who writes into it
        raise Damaged(f"{path} is no file")
    with (
        explained_keys(path),
        closing(apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READONLY)) as keys,
    ):
        keys.set_busy_timeout(BUSY_SECONDS * 1000)  # whoever writes a key locks the whole file
        if not has_tables(keys):
            raise Damaged(f"{path} holds no keys")
        yield keys


def begin_reading(connection: apsw.Connection) -> None:
    """Read as of this moment from now on, whoever writes meanwhile."""
    if connection.in_transaction:
        connection.execute("COMMIT")
    connection.execute("BEGIN")
    row(connection, "SELECT 1 FROM sqlite_schema")


def strange_finding(problem: Problem) -> Finding:
    """What is said of something in a file that none is made with, or of what is not in it."""
    return Finding(
        "error",
        f"{problem.where}: {problem.what}",
        f"drop it from a copy of the file, and use that; or {PUT_BACK}"
        if problem.what == NOT_OURS
        else PUT_BACK,
    )
