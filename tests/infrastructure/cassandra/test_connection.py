from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.cassandra.settings import CassandraSettings
from memos.infrastructure.keys.cassandra.held_root import read_root_record
from memos.infrastructure.servers import LocalServers, leased
from memos.infrastructure.vault.cassandra import schema, tables
from memos.infrastructure.vault.cassandra.lease import Lease
from memos.infrastructure.vault.cassandra.set_aside import INDEX, VECTORS, SetAside, SetAsideRows
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import CassandraVaultWriter
from memos.kernel.errors import Damaged, StoreUnavailable, VaultError
from memos.kernel.event import Position
from tests.infrastructure.cassandra_vault import Keyspaces, keyspaces
from tests.infrastructure.vault.cassandra.support import Log, memory, write
from tests.kernel.builders import ident
from tests.waiting import wait_until


@pytest.fixture(scope="module")
def shared(engines: LocalServers) -> Iterator[Keyspaces]:
    with keyspaces(engines) as opened:
        yield opened


def test_a_vault_made_again_is_the_same_vault(shared: Keyspaces) -> None:
    live = schema.live_generation(shared.cassandra)
    schema.create(shared.cassandra)
    assert schema.live_generation(shared.cassandra) == live
    assert schema.generations(shared.cassandra) == [live]
    assert schema.migrate(shared.cassandra) == tables.VERSION
    assert schema.migrate(shared.cassandra) == tables.VERSION


def test_an_opening_reads_the_tables_of_no_vault(shared: Keyspaces) -> None:
    with closing(shared.connect()) as store:
        assert store.execute(f"SELECT generation FROM {shared.base}.pointer WHERE id = ?", (0,))
        assert store.cluster.metadata.keyspaces == {}
        assert store.primary_key(shared.generation, "span") == [
            "tenant",
            "partition",
            "hour",
            "offset",
        ]


def test_the_live_generation_is_not_dropped_and_an_unknown_one_not_read(shared: Keyspaces) -> None:
    live = schema.live_generation(shared.cassandra)
    with pytest.raises(VaultError, match="live one"):
        schema.drop_generation(shared.cassandra, live)
    with pytest.raises(VaultError, match="no generation 99"):
        schema.switch_to(shared.cassandra, 99, "")


def test_tables_of_version_1_get_what_they_lack(shared: Keyspaces) -> None:
    base = shared.cassandra.settings.keyspace
    shared.cassandra.define(f"DROP TABLE {base}.erasure_begun")
    shared.cassandra.execute(f"INSERT INTO {base}.schema_version (id, version) VALUES (0, 1)")
    assert schema.migrate(shared.cassandra) == 1
    assert schema.version(shared.cassandra) == tables.VERSION
    assert shared.cassandra.execute(f"SELECT operation_id FROM {base}.erasure_begun") == []


def test_tables_of_version_5_get_the_record_of_a_root_key(shared: Keyspaces) -> None:
    base = shared.cassandra.settings.keyspace
    shared.cassandra.define(f"DROP TABLE {base}.root_key")
    shared.cassandra.execute(f"INSERT INTO {base}.schema_version (id, version) VALUES (0, 5)")
    assert schema.migrate(shared.cassandra) == 5
    assert read_root_record(shared.cassandra) is None


def test_tables_of_version_3_get_what_they_lack_in_every_generation(shared: Keyspaces) -> None:
    base = shared.cassandra.settings.keyspace
    shared.cassandra.define(f"DROP TABLE {shared.generation}.set_aside")
    shared.cassandra.execute(f"INSERT INTO {base}.schema_version (id, version) VALUES (0, 3)")
    with pytest.raises(VaultError, match="run `memos vault create`"):
        schema.check_version(shared.cassandra)
    assert schema.migrate(shared.cassandra) == 3
    schema.check_version(shared.cassandra)
    rows = SetAsideRows(shared.cassandra, shared.generation)
    row = SetAside(ident(1), 7, Position(2, 3), b"model", "0.1.0", "TypeError")
    rows.keep(VECTORS, [row])
    assert (rows.of(VECTORS), rows.of(INDEX), rows.count()) == ([row], [], 1)
    shared.cassandra.execute(
        f"UPDATE {shared.generation}.set_aside SET partition = ? WHERE projection = ?"
        " AND cube_id = ? AND ordinal = ?",
        (None, VECTORS, row.cube_id, row.ordinal),
    )
    with pytest.raises(Damaged, match="run `memos rebuild`"):
        rows.of(VECTORS)
    rows.forget([row.cube_id])
    assert (rows.count(), rows.are_gone([row.cube_id])) == (0, True)


def test_tables_of_version_4_get_leases_and_who_may_switch(shared: Keyspaces) -> None:
    store, base = shared.cassandra, shared.cassandra.settings.keyspace
    live = schema.live_generation(store)
    store.define(f"DROP TABLE {base}.lease")
    store.define(f"ALTER TABLE {base}.pointer DROP rebuilder")
    store.define(f"ALTER TABLE {base}.generation DROP collection")
    store.execute(f"INSERT INTO {base}.schema_version (id, version) VALUES (0, 4)")
    assert schema.migrate(store) == 4
    with Lease(store, "anything") as lease:
        assert lease.take()
        schema.let_switch(store, lease.holder)
        schema.switch_to(store, live, lease.holder)
    assert schema.collection_of(store, live) == ""
    schema.name_collection(store, live, "vectors")
    assert schema.collection_of(store, live) == "vectors"


def test_tables_of_a_newer_release_are_refused(
    shared: Keyspaces, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(schema, "VERSION", tables.VERSION - 1)
    for opening in (schema.create, schema.migrate):
        with pytest.raises(VaultError, match="upgrade MemOS"):
            opening(shared.cassandra)


def test_a_vault_that_was_never_made_is_told(shared: Keyspaces) -> None:
    settings = replace(shared.cassandra.settings, keyspace=f"{shared.base}_other")
    store = CassandraSession(settings)
    try:
        with pytest.raises(VaultError, match="create it first"):
            schema.live_generation(store)
    finally:
        store.close()


def test_a_statement_that_cassandra_refuses_names_server_and_keyspace(shared: Keyspaces) -> None:
    with pytest.raises(VaultError, match=f"127.0.0.1.*refused.*{shared.base}"):
        shared.cassandra.execute("SELECT nothing FROM nowhere.at_all")


def test_a_password_is_not_shown() -> None:
    settings = CassandraSettings(username="fold", password="not-to-be-seen")
    assert "not-to-be-seen" not in repr(settings)


def test_an_index_that_is_being_built_is_waited_for(shared: Keyspaces) -> None:
    store, table = shared.cassandra, f"{shared.base}.noted"
    store.define(f"CREATE TABLE {table} (id int PRIMARY KEY, word text, twice text)")
    insert = f"INSERT INTO {table} (id, word, twice) VALUES (?, ?, ?)"
    store.concurrently(insert, [(number, f"w{number}", "w") for number in range(5_000)])
    store.define(f"CREATE INDEX ON {table} (word) USING 'sai'")
    assert store.execute(f"SELECT id FROM {table} WHERE word = ?", ("w17",)) == [(17,)]
    store.define(f"CREATE INDEX ON {table} (twice) USING 'sai'")
    cql = f"SELECT id FROM {table} WHERE twice = ?"
    assert [len(rows) for rows in store.concurrently(cql, [("w",)])] == [5_000]


@pytest.mark.parametrize(
    "given",
    [
        {"keyspace": "Memos; DROP"},
        {"keyspace": "a" * 41},
        {"read_consistency": "MOST"},
        {"replication_strategy": "OldStrategy"},
    ],
)
def test_settings_that_cannot_be_are_refused(given: dict[str, str]) -> None:
    with pytest.raises(VaultError):
        CassandraSettings(**given)  # type: ignore[arg-type]


def test_where_nothing_listens_the_error_names_the_server_and_what_to_do() -> None:
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:9.*memos doctor"):
        CassandraSession(CassandraSettings(port=9))


def answers(store: CassandraSession) -> bool:
    """Whether the same connection finds its node again."""
    try:
        store.execute("SELECT release_version FROM system.local")
    except StoreUnavailable:
        return False
    return True


@pytest.mark.slow
@pytest.mark.engines
@pytest.mark.timeout(900)
def test_a_node_that_goes_down_is_named_and_serves_again_when_it_is_back(tmp_path: Path) -> None:
    with leased(LocalServers(tmp_path, ("cassandra",))) as engine:
        engine.up()
        with keyspaces(engine) as made:
            log, writer = Log(), CassandraVaultWriter(made.cassandra)
            write(writer, log.take(memory(1, 1)))
            engine.kill("cassandra")
            batch = log.take(memory(2, 2))
            address = engine.address("cassandra")
            vault = CassandraVault(made.cassandra, 1)
            with pytest.raises(StoreUnavailable, match=f"{address}.*memos doctor"):
                writer.write_records(batch)
            with pytest.raises(StoreUnavailable, match=f"{address}.*memos doctor"):
                vault.head(ident(1))
            engine.start("cassandra")
            wait_until(lambda: answers(made.cassandra), every=0.2)
            write(writer, batch)
            assert set(vault.heads_many([ident(1), ident(2)])) == {ident(1), ident(2)}
