from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from memos import Damaged, VaultError
from memos.infrastructure.keys.envelope import decrypt, encrypt, new_key, wrapping_key
from memos.infrastructure.keys.sqlite.key_file import subject_ids
from memos.infrastructure.keys.sqlite.key_store import SqliteKeyStore, create_root
from memos.kernel.keyed_digest import keyed_digest

ANN, BOB = b"a" * 16, b"b" * 16


@pytest.fixture
def store(tmp_path: Path) -> SqliteKeyStore:
    create_root(tmp_path)
    return SqliteKeyStore(tmp_path, create=True)


def test_a_key_stays_the_same_and_differs_from_every_other(
    store: SqliteKeyStore, tmp_path: Path
) -> None:
    keys = [store.subject_key(*name) for name in (("acme", ANN), ("acme", BOB), ("rival", ANN))]
    assert len(set(keys)) == 3
    assert SqliteKeyStore(tmp_path).subject_key("acme", ANN) == keys[0]
    assert store.tenant_key("acme") != store.tenant_key("rival")


def test_a_key_is_not_made_by_looking_for_it(store: SqliteKeyStore) -> None:
    assert store.subject_key("acme", ANN, create=False) is None
    assert store.ring("acme") == []
    assert store.tenants() == []


def test_a_destroyed_key_is_gone_for_those_that_had_it_open(
    store: SqliteKeyStore, tmp_path: Path
) -> None:
    other = SqliteKeyStore(tmp_path)
    key = store.subject_key("acme", ANN)
    assert other.subject_key("acme", ANN) == key
    assert store.destroy("acme", [ANN, BOB]) == 1
    other.refresh()
    assert other.subject_key("acme", ANN, create=False) is None
    assert other.subject_key("acme", ANN) != key


def test_threads_and_stores_that_make_a_key_at_once_get_the_same(
    store: SqliteKeyStore, tmp_path: Path
) -> None:
    stores = [store, SqliteKeyStore(tmp_path)]
    with ThreadPoolExecutor(8) as threads:
        made = list(threads.map(lambda n: stores[n % 2].subject_key("acme", ANN), range(16)))
        rings = list(threads.map(lambda n: stores[n % 2].tenant_key("acme"), range(16)))
    assert len(set(made)) == len(set(rings)) == 1


def test_no_key_is_in_clear_in_its_file(store: SqliteKeyStore, tmp_path: Path) -> None:
    key = store.subject_key("acme", ANN)
    assert key is not None
    data = (tmp_path / "keys.db").read_bytes()
    assert key not in data
    assert store.tenant_key("acme") not in data


def test_a_ring_keeps_its_own_key_first_and_no_key_twice(store: SqliteKeyStore) -> None:
    own = store.tenant_key("acme")
    foreign = new_key()
    store.add_tenant_key("acme", foreign)
    store.add_tenant_key("acme", foreign)
    assert store.ring("acme") == [own, foreign]


def test_a_key_file_without_its_root_key_opens_nothing(
    store: SqliteKeyStore, tmp_path: Path
) -> None:
    store.subject_key("acme", ANN)
    (tmp_path / "root.key").write_text("00" * 32)
    with pytest.raises(Damaged):
        SqliteKeyStore(tmp_path).subject_key("acme", ANN)
    (tmp_path / "root.key").unlink()
    with pytest.raises(VaultError, match="missing"):
        SqliteKeyStore(tmp_path)


def test_sealed_bytes_open_only_with_their_key_their_place_and_unchanged() -> None:
    key = new_key()
    box = encrypt(key, b"plain", b"here")
    assert decrypt(key, box, b"here") == b"plain"
    assert encrypt(key, b"plain", b"here") != box
    for wrong in (
        (new_key(), box, b"here"),
        (key, box, b"there"),
        (key, box[:-1], b"here"),
        (key, b"", b"here"),
        (key, bytes([box[0] ^ 1]) + box[1:], b"here"),
    ):
        with pytest.raises(Damaged):
            decrypt(*wrong)


def test_a_wrapping_key_needs_every_subject_in_any_order() -> None:
    one, two = new_key(), new_key()
    assert wrapping_key([one, two]) == wrapping_key([two, one])
    assert len({wrapping_key([one]), wrapping_key([two]), wrapping_key([one, two])}) == 3


def test_keyed_digests_of_two_keys_or_labels_cannot_be_compared() -> None:
    key = new_key()
    digests = {
        keyed_digest(key, b"subject", b"ann"),
        keyed_digest(key, b"source", b"ann"),
        keyed_digest(new_key(), b"subject", b"ann"),
    }
    assert len(digests) == 3
    assert keyed_digest(key, b"subject", b"ann") in digests


@pytest.mark.parametrize(
    "change",
    ["subject = 'text where bytes were'", "tenant = CAST(x'ff' AS TEXT)"],
)
def test_a_subject_that_is_none_is_damage(
    store: SqliteKeyStore, tmp_path: Path, change: str
) -> None:
    store.subject_key("acme", ANN)
    with closing(apsw.Connection(str(tmp_path / "keys.db"))) as connection:
        connection.execute(f"UPDATE subject_key SET {change}")
    with pytest.raises(Damaged, match=r"keys\.db"), store.file.reading() as keys:
        subject_ids(keys)
