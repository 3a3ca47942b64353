"""The contract of a key vault (see `memos.infrastructure.keys.port`)."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest

from memos.infrastructure.keys.cassandra.key_store import CassandraKeyStore
from memos.infrastructure.keys.envelope import new_key
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.keys.root import create_root_file
from memos.infrastructure.keys.sqlite.key_file import ROOT_FILE
from memos.infrastructure.keys.sqlite.key_store import SqliteKeyStore, create_root
from memos.kernel.errors import Damaged, VaultError
from tests.infrastructure.cassandra_vault import Keyspaces, keyspaces

ANN, BOB = b"a" * 16, b"b" * 16

Open = Callable[[], KeyVault]
"""Opens the vault once more, as another process would."""


@contextmanager
def sqlite_keys(directory: Path, _: pytest.FixtureRequest) -> Iterator[Open]:
    create_root(directory)
    SqliteKeyStore(directory, create=True).close()
    yield lambda: SqliteKeyStore(directory)


@contextmanager
def cassandra_keys(directory: Path, request: pytest.FixtureRequest) -> Iterator[Open]:
    create_root_file(directory / ROOT_FILE)
    keyspace: Keyspaces = request.getfixturevalue("cassandra_keyspaces")
    for table in ("tenant_key", "subject_key"):
        keyspace.cassandra.define(f"TRUNCATE {keyspace.base}.{table}")
    others = []

    def open_again() -> KeyVault:
        others.append(keyspace.connect())
        return CassandraKeyStore(others[-1], directory / ROOT_FILE)

    yield open_again
    for other in others:
        other.close()


@pytest.fixture(scope="module")
def cassandra_keyspaces(request: pytest.FixtureRequest) -> Iterator[Keyspaces]:
    with keyspaces(request.getfixturevalue("engines")) as made:
        yield made


BACKENDS = {"sqlite": sqlite_keys, "cassandra": cassandra_keys}


@pytest.fixture(
    params=[
        "sqlite",
        pytest.param("cassandra", marks=[pytest.mark.engines, pytest.mark.timeout(900)]),
    ]
)
def open_keys(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    with BACKENDS[request.param](tmp_path, request) as opened:
        yield opened


def test_a_key_stays_the_same_and_differs_from_every_other(open_keys: Open) -> None:
    one, other = open_keys(), open_keys()
    keys = [one.subject_key(*name) for name in (("acme", ANN), ("acme", BOB), ("rival", ANN))]
    assert len(set(keys)) == 3
    assert other.subject_key("acme", ANN) == keys[0]
    assert one.tenant_key("acme") == other.tenant_key("acme")
    assert one.tenant_key("acme") != one.tenant_key("rival")
    assert other.tenants() == ["acme", "rival"]


def test_a_key_is_not_made_by_looking_for_it(open_keys: Open) -> None:
    keys = open_keys()
    assert keys.subject_key("acme", ANN, create=False) is None
    assert keys.ring("acme") == []
    assert keys.tenants() == []


def test_a_destroyed_key_is_gone_for_those_that_had_it_open(open_keys: Open) -> None:
    keys, other = open_keys(), open_keys()
    key = keys.subject_key("acme", ANN)
    assert other.subject_key("acme", ANN) == key
    assert keys.destroy("acme", [ANN, BOB, ANN]) == 1
    assert keys.subject_key("acme", ANN, create=False) is None
    other.refresh()
    assert other.subject_key("acme", ANN, create=False) is None
    assert other.subject_key("acme", ANN) != key
    assert keys.destroy("acme", [BOB]) == 0


def test_all_that_make_a_key_at_once_get_the_same(open_keys: Open) -> None:
    vaults = [open_keys(), open_keys()]
    for tenant in (uuid4().hex for _ in range(3)):
        with ThreadPoolExecutor(8) as threads:
            made = set(threads.map(lambda n: vaults[n % 2].subject_key(tenant, ANN), range(16)))  # noqa: B023
            own = set(threads.map(lambda n: vaults[n % 2].tenant_key(tenant), range(16)))  # noqa: B023
        assert len(made) == 1
        assert len(own) == 1
        assert open_keys().ring(tenant) == [*own]
        assert {open_keys().subject_key(tenant, ANN)} == made


def test_a_ring_keeps_its_own_key_first_and_no_key_twice(open_keys: Open) -> None:
    keys, other = open_keys(), open_keys()
    own = keys.tenant_key("acme")
    foreign = [new_key() for _ in range(4)]
    with ThreadPoolExecutor(4) as threads:
        list(
            threads.map(
                lambda n: (keys, other)[n % 2].add_tenant_key("acme", foreign[n // 2]), range(8)
            )
        )
    ring = open_keys().ring("acme")
    assert ring[0] == own
    assert sorted(ring[1:]) == sorted(foreign)


def test_a_key_that_another_process_added_is_in_the_ring_at_once(open_keys: Open) -> None:
    keys, other = open_keys(), open_keys()
    own = keys.tenant_key("acme")
    assert other.ring("acme") == [own]
    foreign = new_key()
    keys.add_tenant_key("acme", foreign)
    assert other.ring("acme") == keys.ring("acme") == [own, foreign]
    assert other.tenant_key("acme") == own


def test_subjects_keys_move_to_another_vault_and_one_that_is_there_stays(
    open_keys: Open,
) -> None:
    moved = {("acme", ANN): new_key(), ("globex", ANN): new_key()}
    keys = open_keys()
    kept = keys.subject_key("acme", BOB)
    keys.add_subject_keys([(*subject, key) for subject, key in moved.items()])
    keys.add_subject_keys([("acme", BOB, new_key()), ("acme", ANN, new_key())])
    found = {(tenant, subject): key for tenant, subject, key in open_keys().subjects()}
    assert found == {**moved, ("acme", BOB): kept}
    assert keys.subject_key("globex", ANN, create=False) == moved["globex", ANN]


def test_a_seal_is_known_again(open_keys: Open) -> None:
    seal = open_keys().seal_of(b"settings").hex()
    keys = open_keys()
    assert keys.has_sealed(b"settings", seal)
    assert not keys.has_sealed(b"others", seal)
    assert not keys.has_sealed(b"settings", "")


def test_the_signing_key_comes_from_the_root_key(open_keys: Open) -> None:
    one, other = open_keys().signing_key(), open_keys().signing_key()
    assert one.private_bytes_raw() == other.private_bytes_raw()


def test_another_root_key_opens_nothing(open_keys: Open, tmp_path: Path) -> None:
    open_keys().subject_key("acme", ANN)
    (tmp_path / ROOT_FILE).write_text("00" * 32)
    with pytest.raises(Damaged):
        open_keys().subject_key("acme", ANN)
    (tmp_path / ROOT_FILE).write_text("no key")
    with pytest.raises(Damaged, match="no root key"):
        open_keys()
    (tmp_path / ROOT_FILE).unlink()
    with pytest.raises(VaultError, match="missing"):
        open_keys()


def test_a_root_key_is_made_for_its_owner_alone(tmp_path: Path) -> None:
    create_root_file(tmp_path / "root")
    assert stat.S_IMODE((tmp_path / "root").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        create_root_file(tmp_path / "root")
