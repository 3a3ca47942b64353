"""A log folded again beside its vault: what the projections should be, in a database of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import NamedTuple

import apsw

from memos.infrastructure.engine.embedded.creation import create_all
from memos.infrastructure.engine.embedded.projector import Projector
from memos.infrastructure.engine.embedded.rebuild import Refolded, refold
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.engine.kept_keys import KeptKeys
from memos.infrastructure.governance.usage.sqlite import forget_erased, refold_usage
from memos.infrastructure.index.sqlite.index import SqliteIndex
from memos.infrastructure.keys.sqlite.cube_keys import SqliteCubeKeys
from memos.infrastructure.log.sqlite import log_size
from memos.infrastructure.progress import Progress
from memos.infrastructure.sqlite.connections import reading_uri
from memos.infrastructure.sqlite.statements import explained, rows
from memos.infrastructure.vault.sqlite.writer import SqliteVaultWriter

LIVE = "live"
"""The name under which the vault is attached to the scratch database."""

KEPT = (
    "event",
    "tile",
    "frontier",
    "checkpoint",
    "setting",
    "access",
    "erasure",
    "migrated",
)
"""Tables that no fold makes: in the scratch database these names lead to the vault's own."""


class Column(NamedTuple):
    """A column of a table, as SQLite describes it."""

    table: str
    name: str
    type: str
    key: int


class Scratch:
    """An empty set of projections, with the vault attached as it is at one moment.

    SQLite keeps it in a file without a name, which ends with the connection, whatever ends it. It
    holds what the projections hold: envelopes, terms as keyed hashes, wrapped keys.
    """

    def __init__(self, stores: EmbeddedStores, connection: apsw.Connection) -> None:
        self.connection = connection
        self.cube_keys = SqliteCubeKeys(connection, stores.keys)
        self.kept_keys = KeptKeys(stores.keys)
        index = SqliteIndex(connection, lambda: connection)
        vault = SqliteVaultWriter(connection)
        self._projector = Projector(
            connection,
            vault,
            index,
            self.cube_keys,
            self.kept_keys,
            lambda: vault.flush(0),
            lambda: None,
        )
        self._projector.unreadable = []
        self.columns = columns_of(connection, "main")

    def fold(self, progress: Progress) -> Iterator[Refolded]:
        """Fold the vault's log, record by record; usage follows from its access log."""
        connection = self.connection
        connection.execute(f"INSERT INTO main.cube_key SELECT * FROM {LIVE}.cube_key")
        yield from refold(connection, self._projector, log_size(connection), progress)
        refold_usage(connection)
        forget_erased(connection)


@contextmanager
def scratch(stores: EmbeddedStores) -> Iterator[Scratch]:
    """A scratch database for the vault, gone afterwards."""
    path = stores.database.path
    flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
    with explained(path), closing(apsw.Connection("", flags=flags)) as connection:
        for pragma in ("journal_mode=OFF", "synchronous=OFF", "cache_size=-65536"):
            connection.execute(f"PRAGMA {pragma}").fetchall()
        create_all(connection)
        made = Scratch(stores, connection)
        for table in KEPT:
            connection.execute(f"DROP TABLE main.{table}")
        uri, locking = reading_uri(path)
        connection.execute(f"PRAGMA locking_mode={locking}").fetchall()  # of what is attached, too
        connection.execute(f"ATTACH DATABASE ? AS {LIVE}", (uri,))
        connection.execute("BEGIN")
        yield made


def columns_of(connection: apsw.Connection, schema: str) -> frozenset[Column]:
    """Every column of every table."""
    sql = (
        "SELECT m.name, c.name, c.type, c.pk FROM"
        f" {schema}.sqlite_schema m, pragma_table_info(m.name, '{schema}') c WHERE m.type = 'table'"
    )
    return frozenset(Column(*found) for found in rows(connection, sql))
