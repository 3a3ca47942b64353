"""The digest and the figures of an embedded vault."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import apsw
from google.protobuf.message import DecodeError

from memos.infrastructure.engine.replay import CREATING
from memos.infrastructure.governance.usage.sqlite import access_size
from memos.infrastructure.log.sqlite import stored_tree
from memos.infrastructure.reports import Figures
from memos.infrastructure.sqlite.statements import rows
from memos.infrastructure.vault.sqlite.reader import SqliteVault
from memos.kernel.cube import Lifecycle
from memos.kernel.digest import cube_digest, vault_digest
from memos.kernel.errors import Damaged, VaultError
from memos.kernel.event import id_text
from memos.kernel.moment import OPEN
from memos.kernel.state import state_from_bytes
from memos.language.indexed_text import EXTRACTED

_MEMORIES = (
    f"FROM head WHERE cube_id IN (SELECT cube_id FROM attempt WHERE result = 1 AND kind IN"
    f" ({', '.join(str(int(kind)) for kind in sorted(CREATING))}))"
    # `internal_rows` of the index, of which one is the newest.
    " AND cube_id NOT IN (SELECT cube_id FROM index_span WHERE length = 0"
    f" AND traits & {EXTRACTED} AND closed = {OPEN})"
)


def digest(vault: SqliteVault) -> str:
    """SHA-256 over every cube in id order, the same as of a distributed vault.

    Raises:
        Damaged: a head cannot be read.
    """

    def cubes() -> Iterator[tuple[bytes, bytes]]:
        for cube_id, stored, _ in vault.heads():
            try:
                state = state_from_bytes(stored)
            except (DecodeError, ValueError) as error:
                raise Damaged(
                    f"the head of cube {id_text(cube_id)} is damaged ({error}): run `memos rebuild`"
                ) from None
            yield cube_id, cube_digest(state)

    return vault_digest(cubes())


def figures(connection: apsw.Connection, directory: Path) -> Figures:
    """Counts of the vault in a directory.

    Raises:
        Damaged: a head is in no state that there is.
    """
    counted = rows(
        connection, f"SELECT scope, lifecycle, count(*) {_MEMORIES} GROUP BY scope, lifecycle"
    )
    return Figures(
        events=stored_tree(connection).size,
        memories={(scope, _lifecycle(stored)): count for scope, stored, count in counted},
        accesses=access_size(connection),
        bytes_on_disk=_bytes_on_disk(directory),
    )


def _lifecycle(stored: int) -> int:
    try:
        return int(Lifecycle(stored))
    except ValueError as error:
        raise Damaged(f"the head of a cube is damaged ({error}): run `memos rebuild`") from None


def _bytes_on_disk(directory: Path) -> int:
    total = 0
    try:
        for file in directory.iterdir():
            with suppress(FileNotFoundError):  # a side file of SQLite's, taken away meanwhile
                status = file.stat()
                total += status.st_size if stat.S_ISREG(status.st_mode) else 0
    except OSError as error:
        raise VaultError(
            f"{directory} cannot be read ({error.strerror}): put the vault back there, and open it "
            "again"
        ) from error
    return total
