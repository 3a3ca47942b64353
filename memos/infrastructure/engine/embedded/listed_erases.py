"""The list of erases of an embedded vault, and which state of it the vault was last used with: an older
copy of the vault is known by that, and what was erased since is erased again.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path

import apsw

from memos.infrastructure.engine.appender import ListedErases
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.keys.erased_list import Erased, ErasedList, read_erased
from memos.infrastructure.keys.settings_seal import TAKEN_ERASES
from memos.infrastructure.reports import Finding
from memos.infrastructure.sqlite.statements import row, rows
from memos.kernel.cube import Lifecycle
from memos.kernel.errors import Damaged

NOT_LISTED = -1
"""The mark of a vault that was last used with no list that is known here: it is read whole."""


def is_behind(stores: EmbeddedStores) -> bool:
    """Whether the list is another than the vault was last used with. Where it is a shorter one, a
    warning says so.
    """
    with stores.database.reading() as connection:
        mark, has_erased = mark_of(connection), _has_erased(connection)
    size = stores.erased.size()
    if mark is None:  # made by an earlier release, or nothing was ever erased
        return bool(size) or has_erased
    if size < mark:
        warnings.warn(
            f"{stores.erased.path} has {size} bytes, and the vault was last used with a list of erases "
            f"of {mark}: what the vault itself knows of is put back into it; where an older copy of "
            "the vault is restored, name your newest list",
            stacklevel=2,
        )
    return size != mark


def take_list(stores: EmbeddedStores) -> ListedErases:
    """What the list names, inside the write transaction, which ends with the list taken; what the vault
    has erased and the list does not name is added to it.
    """
    writer = stores.database.writer
    if mark_of(writer) == stores.erased.size():
        return ListedErases()  # another process has taken it
    listed = read_erased(stores.erased.path)
    named = {cube_id for erased in listed for cube_id in erased.cube_ids}
    keep_mark(writer, stores.erased.append(_unlisted(stores.origin, writer, named)))
    (last,) = row(writer, "SELECT log_time FROM frontier") or (0,)
    # A subject that was erased before this copy was made may have new memories in it.
    since = (erased for erased in listed if erased.time > last)
    return ListedErases(named, {subject for erased in since for subject in erased.subjects})


def list_findings(connection: apsw.Connection, path: Path) -> Iterator[Finding]:
    """What a doctor says of a list of erases that is another than the vault was last used with."""
    try:
        read_erased(path)
    except Damaged as error:
        yield Finding("error", str(error), "put your newest copy of the list back")
        return
    mark, size = mark_of(connection) or 0, ErasedList(path).size()
    if size > mark:
        yield Finding(
            "warning",
            f"{path.name} names what was erased after this copy of the vault was made",
            "open the vault once: it is erased again then",
        )
    if size < mark:
        yield Finding(
            "warning",
            f"{path.name} is shorter than the list of erases that the vault was last used with",
            "open the vault once: what the vault knows of is put back into it; name your newest list "
            "where an older backup is restored",
        )


def mark_of(connection: apsw.Connection) -> int | None:
    """How many bytes of the list the vault was last used with; None where there was none."""
    stored = row(connection, "SELECT value FROM setting WHERE name = ?", (TAKEN_ERASES,))
    if stored is None:
        return None
    try:
        return int(stored[0])
    except (TypeError, ValueError):
        return NOT_LISTED  # what is damaged says nothing


def keep_mark(writer: apsw.Connection, size: int) -> None:
    """Remember up to where the list is taken, inside the write transaction."""
    writer.execute("INSERT OR REPLACE INTO setting VALUES (?, ?)", (TAKEN_ERASES, str(size)))


def kept_receipts(connection: apsw.Connection, origin: str) -> Iterator[Erased]:
    """What the receipts name that the vault keeps."""
    for (receipt,) in rows(connection, "SELECT receipt FROM erasure ORDER BY operation_id"):
        try:
            yield Erased.from_receipt(origin, receipt)
        except (KeyError, TypeError, ValueError):
            continue  # an audit names a receipt that is damaged; its memories are known by their heads


def _unlisted(origin: str, connection: apsw.Connection, named: set[bytes]) -> Iterator[Erased]:
    """What the vault has erased beside what is named."""
    known = set(named)
    for erased in kept_receipts(connection, origin):
        if not known.issuperset(erased.cube_ids):
            known.update(erased.cube_ids)
            yield erased
    sql = "SELECT cube_id FROM head WHERE lifecycle = ? ORDER BY cube_id"
    ids = (cube_id for (cube_id,) in rows(connection, sql, (int(Lifecycle.ERASED),)))
    others = tuple(cube_id for cube_id in ids if cube_id not in known)
    if others:  # erases that came with an export
        (last,) = row(connection, "SELECT log_time FROM frontier") or (0,)
        yield Erased(origin, last, others)


def _has_erased(connection: apsw.Connection) -> bool:
    return row(connection, "SELECT 1 FROM erasure LIMIT 1") is not None
