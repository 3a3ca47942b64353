"""What keys in Cassandra promise beyond the contract of every key vault."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from json import dumps
from pathlib import Path

import pytest
import uuid_utils

from memos.infrastructure.governance.query_keys import DAY, end_keys, query_digest
from memos.infrastructure.keys.aged_cache import AgedCache
from memos.infrastructure.keys.cassandra.cube_keys import CassandraCubeKeys, NewKey
from memos.infrastructure.keys.cassandra.key_store import CassandraKeyStore
from memos.infrastructure.keys.envelope import new_key
from memos.infrastructure.keys.root import create_root_file
from memos.infrastructure.servers import LocalServers
from memos.kernel.errors import VaultError
from memos.kernel.event import as_uuid
from tests.infrastructure.cassandra_vault import Keyspaces, keyspaces

ANN, BOB = b"a" * 16, b"b" * 16

OTHER_PROCESS = """
import json, sys
from pathlib import Path
from memos.infrastructure.keys.cassandra.key_store import CassandraKeyStore
from memos.infrastructure.keys.cassandra.cube_keys import CassandraCubeKeys, NewKey
from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.cassandra.settings import CassandraSettings
store = CassandraSession(CassandraSettings(**json.loads(sys.argv[1])))
keys = CassandraKeyStore(store, Path(sys.argv[2]))
cubes = CassandraCubeKeys(store, keys)
print("ready", flush=True)
sys.stdin.readline()
for n in range(20):
    tenant, subject = f"raced-{n}", bytes([n]) * 16
    cube = bytes([n]) * 6 + b"\\x80" + bytes(9)
    (kept,) = cubes.add_keyed([NewKey(cube, tenant, [subject], bytes([int(sys.argv[3])]) * 32)])
    print(keys.tenant_key(tenant).hex(), keys.subject_key(tenant, subject).hex(), kept.hex())
"""


@pytest.fixture(scope="module")
def vault(engines: LocalServers) -> Iterator[Keyspaces]:
    with keyspaces(engines) as made:
        yield made


@pytest.fixture
def root(tmp_path: Path) -> Path:
    create_root_file(tmp_path / "root.key")
    return tmp_path / "root.key"


@pytest.fixture
def store(vault: Keyspaces, root: Path) -> CassandraKeyStore:
    for table in ("tenant_key", "subject_key", "cube_key"):
        vault.cassandra.define(f"TRUNCATE {vault.base}.{table}")
    return CassandraKeyStore(vault.cassandra, root)


@pytest.fixture
def keys(vault: Keyspaces, store: CassandraKeyStore) -> CassandraCubeKeys:
    return CassandraCubeKeys(vault.cassandra, store)


def new_cubes(count: int, subjects: tuple[bytes, ...] = (ANN,)) -> list[NewKey]:
    return [NewKey(uuid_utils.uuid7().bytes, "acme", subjects, new_key()) for _ in range(count)]


def derived_cube(number: int, subject: bytes = ANN) -> NewKey:
    return NewKey(as_uuid(bytes([number]) * 32), "acme", [subject], new_key())


def expected(rows: list[NewKey]) -> dict[bytes, bytes]:
    return {row.cube_id: row.key for row in rows}


@pytest.mark.parametrize("count", [1, 7, 8, 37])
def test_the_keys_of_new_cubes_are_given_back_to_another_process(
    vault: Keyspaces, root: Path, store: CassandraKeyStore, keys: CassandraCubeKeys, count: int
) -> None:
    rows = new_cubes(count, (ANN, BOB))
    keys.add_new(rows)
    other = CassandraCubeKeys(vault.cassandra, CassandraKeyStore(vault.cassandra, root))
    assert other.keys([*expected(rows), bytes(16)]) == keys.keys(expected(rows)) == expected(rows)
    assert other.key(rows[0].cube_id) == rows[0].key
    assert other.key(bytes(16)) is None


def test_an_id_is_taken_by_the_method_that_is_made_for_it(keys: CassandraCubeKeys) -> None:
    with pytest.raises(ValueError, match="add_keyed takes it"):
        keys.add_new([derived_cube(1)])
    with pytest.raises(ValueError, match="add_new takes it"):
        keys.add_keyed(new_cubes(1))


def test_who_comes_second_to_a_derived_id_is_given_the_key_of_the_first(
    keys: CassandraCubeKeys, store: CassandraKeyStore
) -> None:
    first, other = derived_cube(1), derived_cube(2)
    assert keys.add_keyed([first]) == [first.key]
    assert keys.add_keyed([derived_cube(1, BOB), other]) == [first.key, other.key]
    store.destroy("acme", [ANN])
    assert keys.add_keyed([derived_cube(1, BOB)]) == [None]


def test_after_a_subject_is_destroyed_no_key_of_its_cubes_opens(
    vault: Keyspaces, root: Path, store: CassandraKeyStore, keys: CassandraCubeKeys
) -> None:
    hers, his, theirs = new_cubes(3), new_cubes(3, (BOB,)), new_cubes(3, (ANN, BOB))
    keys.add_new([*hers, *his, *theirs])
    ids = [row.cube_id for row in (*hers, *his, *theirs)]
    assert len(keys.keys(ids)) == 9
    assert store.destroy("acme", [ANN]) == 1
    assert keys.keys(ids) == expected(his)
    fresh = CassandraCubeKeys(vault.cassandra, CassandraKeyStore(vault.cassandra, root))
    assert fresh.keys(ids) == expected(his)


def test_a_destroyed_cube_key_is_gone_and_no_writer_that_lags_brings_it_back(
    vault: Keyspaces, root: Path, store: CassandraKeyStore, keys: CassandraCubeKeys
) -> None:
    rows, derived = new_cubes(10), [derived_cube(3), derived_cube(4)]
    keys.add_new(rows)
    keys.add_keyed(derived)
    gone = [*rows[:4], derived[0]]
    assert keys.destroy([row.cube_id for row in gone] * 2) == 5
    late = CassandraCubeKeys(vault.cassandra, CassandraKeyStore(vault.cassandra, root))
    late.add_new(rows[:4])
    keys.forget()
    left = [*rows[4:], derived[1]]
    assert keys.keys(row.cube_id for row in (*rows, *derived)) == expected(left)
    count = f"SELECT count(*) FROM {vault.base}.cube_key"
    assert vault.cassandra.execute(count) == [(len(left),)]
    assert keys.destroy([bytes(16), gone[0].cube_id]) == 0


def test_another_process_stops_using_a_destroyed_key_within_the_bound(
    vault: Keyspaces, root: Path, store: CassandraKeyStore, keys: CassandraCubeKeys
) -> None:
    (row,) = new_cubes(1)
    keys.add_new([row])
    other_store = CassandraKeyStore(vault.cassandra, root, age=0.5)
    other = CassandraCubeKeys(vault.cassandra, other_store)
    assert other.key(row.cube_id) == row.key
    store.destroy("acme", [ANN])
    time.sleep(0.6)
    assert other.key(row.cube_id) is None
    assert other_store.subject_key("acme", ANN, create=False) is None


def test_a_cube_written_after_its_subject_was_destroyed_opens_under_a_new_key(
    vault: Keyspaces, root: Path, store: CassandraKeyStore, keys: CassandraCubeKeys
) -> None:
    other_store = CassandraKeyStore(vault.cassandra, root)
    assert other_store.subject_key("acme", ANN) == store.subject_key("acme", ANN)
    store.destroy("acme", [ANN])
    (row,) = new_cubes(1)
    CassandraCubeKeys(vault.cassandra, other_store).add_new([row])  # still holds the old one
    assert keys.key(row.cube_id) == row.key


class Days:
    """A vault that says up to which day the keys of queries are gone."""

    def __init__(self, keys: CassandraKeyStore) -> None:
        self.keys = keys
        self.said = ""

    def setting(self, name: str) -> str:
        return self.said

    def keep_setting(self, name: str, value: str) -> None:
        self.said = value


def test_the_keys_of_past_days_are_asked_for_in_a_few_requests_and_destroyed(
    vault: Keyspaces, store: CassandraKeyStore
) -> None:
    store.tenant_key("asking")
    digest = query_digest(store, "asking", "what is new?", 20_000 * DAY)
    assert query_digest(store, "asking", "what is new?", 20_000 * DAY + 1) == digest
    requests: list[object] = []
    vault.cassandra.session.add_request_init_listener(requests.append)
    try:
        end_keys(Days(store), 20_100 * DAY)
    finally:
        vault.cassandra.session.remove_request_init_listener(requests.append)
    assert 4 < len(requests) < 16  # one for a hundred days, of four hundred
    assert list(store.subjects()) == []


def test_processes_that_make_the_same_keys_end_with_one(
    vault: Keyspaces, root: Path, store: CassandraKeyStore
) -> None:
    settings = dumps(asdict(vault.cassandra.settings))
    others = [
        subprocess.Popen(
            [sys.executable, "-c", OTHER_PROCESS, settings, str(root), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    for other in others:
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
    for other in others:
        assert other.stdin is not None
        other.stdin.write("go\n")
        other.stdin.flush()
    told = [other.communicate(timeout=240)[0].splitlines() for other in others]
    assert len(told[0]) == 20
    assert told[0] == told[1]
    assert len(set(told[0])) == 20


def test_no_key_is_in_clear_in_a_row(
    vault: Keyspaces, root: Path, store: CassandraKeyStore, keys: CassandraCubeKeys
) -> None:
    rows = [*new_cubes(2), derived_cube(5)]
    keys.add_new(rows[:2])
    keys.add_keyed(rows[2:])
    secret = [bytes.fromhex(root.read_text().strip()), store.tenant_key("acme")]
    secret += [row.key for row in rows]
    subject = store.subject_key("acme", ANN)
    assert subject is not None
    held = [
        value
        for table in ("tenant_key", "subject_key", "cube_key")
        for row in vault.cassandra.execute(f"SELECT * FROM {vault.base}.{table}")
        for value in row
        if isinstance(value, bytes)
    ]
    assert len(held) > 5
    assert not [each for each in held for key in (*secret, subject) if key in each]


def test_a_root_key_that_others_may_read_is_refused(vault: Keyspaces, root: Path) -> None:
    root.chmod(0o644)
    with pytest.raises(VaultError, match=r"has mode 0644.*chmod 0600"):
        CassandraKeyStore(vault.cassandra, root)


def test_what_was_read_before_something_was_dropped_is_not_kept() -> None:
    now = 0.0
    cache: AgedCache[str, int] = AgedCache(age=5, size=2, clock=lambda: now)
    reader = cache.begin()
    cache.drop(["other"])
    cache.put("one", 1, reader)
    assert cache.get("one") is None
    reader = cache.begin()
    now = 4.0
    cache.put("one", 1, reader)
    assert cache.get("one") == 1
    now = 5.5  # the age counts from when the read began
    assert cache.get("one") is None
    for name in ("a", "b", "c"):
        cache.put(name, 1, cache.begin())
    assert [cache.get(name) for name in ("a", "b", "c")] == [None, 1, 1]
