from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from memos.infrastructure.cassandra.connection import CassandraSession, CassandraSettings
from memos.infrastructure.servers import LocalServers, leased
from memos.infrastructure.vault.cassandra import schema, tables
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import CassandraVaultWriter
from memos.kernel.errors import StoreUnavailable, VaultError
from tests.infrastructure.cassandra_vault import Keyspaces, keyspaces
from tests.infrastructure.vault.cassandra.support import Log, memory, write
from tests.kernel.builders import ident


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


def test_the_live_generation_is_not_dropped_and_an_unknown_one_not_read(shared: Keyspaces) -> None:
    live = schema.live_generation(shared.cassandra)
    with pytest.raises(VaultError, match="live one"):
        schema.drop_generation(shared.cassandra, live)
    with pytest.raises(VaultError, match="no generation 99"):
        schema.switch_to(shared.cassandra, 99)


def test_tables_of_version_1_get_what_they_lack(shared: Keyspaces) -> None:
    base = shared.cassandra.settings.keyspace
    shared.cassandra.define(f"DROP TABLE {base}.erasure_begun")
    shared.cassandra.execute(f"INSERT INTO {base}.schema_version (id, version) VALUES (0, 1)")
    assert schema.migrate(shared.cassandra) == 1
    assert schema.version(shared.cassandra) == tables.VERSION
    assert shared.cassandra.execute(f"SELECT operation_id FROM {base}.erasure_begun") == []


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


def until_answered(store: CassandraSession) -> None:
    """The same connection finds its node again."""
    deadline = time.monotonic() + 60
    while True:
        try:
            store.execute("SELECT release_version FROM system.local")
        except StoreUnavailable:
            assert time.monotonic() < deadline
            time.sleep(0.2)
        else:
            return


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
            until_answered(made.cassandra)
            write(writer, batch)
            assert set(vault.heads_many([ident(1), ident(2)])) == {ident(1), ident(2)}
