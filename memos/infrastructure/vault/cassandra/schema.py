"""Making, migrating and switching the keyspaces of a distributed vault."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.vault.cassandra.tables import (
    BASE,
    ERASURE_BEGUN,
    GENERATION,
    INDEXES,
    LEASE,
    ROOT_KEY,
    SET_ASIDE,
    VERSION,
)
from memos.kernel.errors import ProjectionsLost, VaultError

_ID = 0

Migration = tuple[tuple[str, ...], tuple[str, ...]]
"""The statements of one step: of the base, then of every generation; `{keyspace}` is its name."""

NAME = "{keyspace}"

MIGRATIONS: Mapping[int, Migration] = {
    1: ((f"CREATE TABLE IF NOT EXISTS {NAME}.{ERASURE_BEGUN}",), ()),
    2: ((f"ALTER TABLE {NAME}.subject_key ADD IF NOT EXISTS retiring blob",), ()),
    3: ((), (f"CREATE TABLE IF NOT EXISTS {NAME}.{SET_ASIDE}",)),
    4: (
        (
            f"CREATE TABLE IF NOT EXISTS {NAME}.{LEASE}",
            f"ALTER TABLE {NAME}.pointer ADD IF NOT EXISTS rebuilder text",
            f"ALTER TABLE {NAME}.generation ADD IF NOT EXISTS collection text",
        ),
        (),
    ),
    5: ((f"CREATE TABLE IF NOT EXISTS {NAME}.{ROOT_KEY}",), ()),
}
"""The step from each older version of the tables to the next."""


def create(store: CassandraSession) -> None:
    """Make the base and the first generation, where they do not exist, and bring those that do to
    this release's version. Running it again is safe.

    Raises:
        StoreUnavailable: no Cassandra node answers.
        VaultError: the vault there was made by a newer release.
    """
    base = store.settings.keyspace
    make_keyspace(store, base)
    for table in BASE:
        store.define(f"CREATE TABLE IF NOT EXISTS {base}.{table}")
    format_version = version(store)
    if format_version is None:
        _write_version(store, VERSION)
    else:
        migrate(store)
    if _pointer(store) is None:
        # An earlier attempt may have been cut off here.
        number = max(generations(store), default=0) or _claimed(store, lambda _: True)
        _make_tables(store, number)
        store.execute(
            f"INSERT INTO {base}.pointer (id, generation) VALUES (?, ?) IF NOT EXISTS",
            (_ID, number),
        )


def migrate(store: CassandraSession) -> int:
    """Bring the tables of the base and of every generation to this release's version.

    Each statement may be repeated, so a migration that was cut off is run again.

    Returns:
        The version that the tables had before.

    Raises:
        VaultError: there is no vault, or one of a newer release.
    """
    base = store.settings.keyspace
    if not exists(store):
        raise VaultError(f"there is no vault in keyspace {base}: create it first")
    before = version(store)
    if before is None:
        raise VaultError(f"the vault in keyspace {base} is half made: create it again")
    _check(before)
    for step in range(before, VERSION):
        of_base, of_generation = MIGRATIONS[step]
        for statement in of_base:
            store.define(statement.replace(NAME, base))
        for number in generations(store):
            for statement in of_generation:
                store.define(statement.replace(NAME, keyspace_of(store, number)))
        _write_version(store, step + 1)
    return before


def exists(store: CassandraSession) -> bool:
    """Whether the vault's base keyspace is there."""
    keyspaces = store.execute(
        "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?",
        (store.settings.keyspace, "pointer"),
    )
    return bool(keyspaces)


def other_vaults(store: CassandraSession) -> list[str]:
    """The base keyspaces of the other vaults on the same servers."""
    tables = store.execute("SELECT keyspace_name, table_name FROM system_schema.tables", ())
    return sorted(k for k, table in tables if table == "pointer" and k != store.settings.keyspace)


def keyspace_of(store: CassandraSession, generation: int) -> str:
    """The name of a generation's keyspace."""
    return f"{store.settings.keyspace}_g{generation}"


def new_generation(
    store: CassandraSession, may_claim: Callable[[int], bool] = lambda _: True
) -> int:
    """Make the tables of the next generation, empty, beside those that exist; its number.

    It is not read before `switch_to`. `may_claim` is asked for each number that seems free.
    """
    number = _claimed(store, may_claim)
    _make_tables(store, number)
    return number


def _claimed(store: CassandraSession, may_claim: Callable[[int], bool]) -> int:
    """A number that nobody else has: of two who rebuild or audit at once each gets its own."""
    base = store.settings.keyspace
    cql = f"INSERT INTO {base}.generation (number, version) VALUES (?, ?) IF NOT EXISTS"
    number = max(generations(store), default=0) + 1
    while not (may_claim(number) and store.execute(cql, (number, VERSION))[0][0]):
        number += 1
    return number


def _make_tables(store: CassandraSession, number: int) -> None:
    keyspace = keyspace_of(store, number)
    make_keyspace(store, keyspace)
    for table in GENERATION:
        store.define(f"CREATE TABLE IF NOT EXISTS {keyspace}.{table}")
    for index in INDEXES:
        store.define(f"CREATE INDEX IF NOT EXISTS {index.format(keyspace=keyspace)}")


def generations(store: CassandraSession) -> list[int]:
    """The numbers of the generations that exist, ascending."""
    numbers = store.execute(f"SELECT number FROM {store.settings.keyspace}.generation", ())
    return sorted(number for (number,) in numbers)


def live_generation(store: CassandraSession) -> int:
    """The generation that is read and folded into.

    Raises:
        VaultError: the vault was never made.
    """
    number = _pointer(store) if exists(store) else None
    if number is None:
        raise VaultError(
            f"there is no vault in keyspace {store.settings.keyspace}: create it first"
        )
    return number


def is_there(store: CassandraSession, generation: int) -> bool:
    """Whether the tables of a generation are there."""
    cql = "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = ?"
    return bool(store.execute(cql, (keyspace_of(store, generation),)))


def tables_lost(store: CassandraSession, live: int) -> ProjectionsLost:
    """The error of a vault whose live generation has no tables."""
    return ProjectionsLost(
        f"the tables of the vault in keyspace {store.settings.keyspace} are lost: "
        f"{keyspace_of(store, live)} is missing. The log has all that was in them: run `memos rebuild`"
    )


def let_switch(store: CassandraSession, rebuilder: str) -> None:
    """Say who may switch from now on: whoever was allowed to before is so no more."""
    store.execute(
        f"UPDATE {store.settings.keyspace}.pointer SET rebuilder = ? WHERE id = ? IF EXISTS",
        (rebuilder, _ID),
    )


def switch_to(store: CassandraSession, generation: int, rebuilder: str) -> None:
    """Make a generation the live one, on behalf of who may switch.

    Raises:
        VaultError: there is no such generation, or another may switch by now; nothing was switched.
    """
    if generation not in generations(store):
        raise VaultError(
            f"the vault in keyspace {store.settings.keyspace} has no generation {generation}: it "
            f"has {', '.join(map(str, generations(store))) or 'none'}"
        )
    ((switched, *_),) = store.execute(
        f"UPDATE {store.settings.keyspace}.pointer SET generation = ? WHERE id = ? IF rebuilder = ?",
        (generation, _ID, rebuilder),
    )
    if not switched:
        raise VaultError(
            f"generation {generation} of the vault in keyspace {store.settings.keyspace} did not "
            "become the live one: another rebuild has begun since; nothing was switched"
        )


def live_since(store: CassandraSession) -> int:
    """When the live generation became so, in microseconds since 1970: by the servers' clocks."""
    cql = f"SELECT WRITETIME(generation) FROM {store.settings.keyspace}.pointer WHERE id = ?"
    return int(store.execute(cql, (_ID,))[0][0])


def made_at(store: CassandraSession) -> dict[int, int]:
    """When each generation was begun, in microseconds since 1970: by the servers' clocks."""
    cql = f"SELECT number, WRITETIME(version) FROM {store.settings.keyspace}.generation"
    return {number: int(at or 0) for number, at in store.execute(cql)}


def name_collection(store: CassandraSession, generation: int, collection: str) -> None:
    """Say which collection of vectors is filled with a generation, and belongs to it."""
    store.execute(
        f"UPDATE {store.settings.keyspace}.generation SET collection = ? WHERE number = ? IF EXISTS",
        (collection, generation),
    )


def collection_of(store: CassandraSession, generation: int) -> str:
    """The collection of vectors that belongs to a generation; empty where none was named."""
    cql = f"SELECT collection FROM {store.settings.keyspace}.generation WHERE number = ?"
    rows = store.execute(cql, (generation,))
    return str(rows[0][0] or "") if rows else ""


def drop_generation(store: CassandraSession, generation: int) -> None:
    """Remove a generation and all that was folded into it.

    Raises:
        VaultError: it is the live one.
    """
    if generation == live_generation(store):
        raise VaultError(
            f"generation {generation} is the live one: switch to another before dropping it"
        )
    store.define(f"DROP KEYSPACE IF EXISTS {keyspace_of(store, generation)}")
    store.execute(
        f"DELETE FROM {store.settings.keyspace}.generation WHERE number = ? IF EXISTS",
        (generation,),
    )


def drop_all(store: CassandraSession) -> None:
    """Remove the whole vault: every generation, the settings and the keys."""
    if exists(store):
        for number in generations(store):
            store.define(f"DROP KEYSPACE IF EXISTS {keyspace_of(store, number)}")
    store.define(f"DROP KEYSPACE IF EXISTS {store.settings.keyspace}")


def make_keyspace(store: CassandraSession, name: str) -> None:
    """Make a keyspace where it does not exist, copied as the settings say."""
    store.define(
        f"CREATE KEYSPACE IF NOT EXISTS {name} WITH replication = {store.settings.replication}"
    )


def version(store: CassandraSession) -> int | None:
    """The version of the vault's tables; None where they are half made."""
    sql = f"SELECT version FROM {store.settings.keyspace}.schema_version WHERE id = ?"
    rows = store.execute(sql, (_ID,))
    return rows[0][0] if rows else None


def _write_version(store: CassandraSession, number: int) -> None:
    sql = f"INSERT INTO {store.settings.keyspace}.schema_version (id, version) VALUES (?, ?)"
    store.execute(sql, (_ID, number))


def check_version(store: CassandraSession) -> None:
    """Refuse tables that are not of this release's version.

    Raises:
        VaultError: they are older, half made, or newer.
    """
    number = version(store)
    if number is None or number < VERSION:
        raise VaultError(
            f"the tables of the vault in keyspace {store.settings.keyspace} have version "
            f"{number or 0}, and this release works with {VERSION}: run `memos vault create`, which "
            "brings them up to date"
        )
    _check(number)


def _check(number: int) -> None:
    if number > VERSION:
        raise VaultError(
            f"this vault's tables have version {number}, newer than the {VERSION} that this "
            "release of MemOS knows: upgrade MemOS"
        )


def _pointer(store: CassandraSession) -> int | None:
    sql = f"SELECT generation FROM {store.settings.keyspace}.pointer WHERE id = ?"
    rows = store.execute(sql, (_ID,))
    return rows[0][0] if rows else None
