"""Every column of every folded table, changed on a row of its own: one audit names each of them.

Tables and columns come from Cassandra, so a new one cannot be forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial

import pytest

from memos import KeysMissing, Memory, MemosError, VaultError, doctor
from memos.infrastructure.engine.distributed.auditing.audit import NOT_COMPARED
from memos.infrastructure.engine.distributed.auditing.keys import key_problems
from memos.infrastructure.engine.distributed.auditing.settled import unmarked
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra.comparison import (
    FOLLOWING,
    WRITE_TIME,
    tables_of,
)
from memos.infrastructure.vault.cassandra.lease import holders
from memos.infrastructure.vault.cassandra.schema import drop_generation, generations
from memos.infrastructure.vault.cassandra.tables import INDEXES
from tests.fleet import Fleet
from tests.infrastructure.engine.distributed.mutations import (
    ALICE,
    ELSEWHERE,
    Change,
    altered,
    audited,
    changed,
    filled,
    put,
    rounds_of,
    rows_of,
    verified,
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]


@pytest.fixture(scope="module")
def vault(engines: LocalServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with filled(engines, tmp_path_factory.mktemp("mutations")) as fleet:
        yield fleet


@pytest.fixture
def stores(vault: Fleet) -> Iterator[Stores]:
    with closing(Stores(vault.settings)) as opened:
        yield opened


@pytest.fixture
def rebuilt(vault: Fleet) -> Fleet:
    """The vault as a rebuild makes it: rows that were put back have other write times."""
    with Memory(vault.path, actor=ALICE) as memory:
        memory.rebuild()
    return vault


def try_doors(vault: Fleet) -> None:
    """What is damaged is told as such, and nothing else is raised."""
    with Memory(vault.path, actor=ALICE) as memory:
        cubes = [cube for tenant in ("acme", "tenant1") for cube in found(memory, tenant)]
        calls: list[Callable[[], object]] = [
            memory.digest,
            memory.stats,
            memory.cuts,
            memory.verify,
            partial(memory.route, "pottery", scope="acme"),
            lambda: list(memory.events()),
        ]
        for cube in cubes:
            calls += [partial(door, cube) for door in (memory.get, memory.history, memory.lineage)]
        for call in calls:
            with suppress(MemosError):
                call()


def found(memory: Memory, scope: str) -> list[str]:
    try:
        return [hit.cube_id for hit in memory.search("pottery kiln", scope=scope, k=50)]
    except MemosError:
        return []


def test_a_change_of_any_column_is_named(vault: Fleet, stores: Stores) -> None:
    keyspace = stores.live().writer.keyspace
    for changes in list(rounds_of(stores, keyspace)):
        with altered(stores, keyspace, [(c.table, c.before, c.after) for c in changes]):
            problems = audited(vault)
            try_doors(vault)
        unnoticed = [
            (change.table.name, change.column)
            for change in changes
            if change.told(change.before) not in problems
        ]
        assert unnoticed == [], problems


@pytest.mark.soak
def test_a_column_that_is_empty_is_named(vault: Fleet, stores: Stores) -> None:
    keyspace = stores.live().writer.keyspace
    for changes in list(rounds_of(stores, keyspace)):
        emptied = [
            change._replace(after={**change.before, change.column: None})
            for change in changes
            if change.column not in change.table.key and change.before[change.column] is not None
        ]
        with altered(stores, keyspace, [(c.table, c.before, c.after) for c in emptied]):
            problems = audited(vault)
        unnoticed = [(c.table.name, c.column) for c in emptied if c.told(c.before) not in problems]
        assert unnoticed == [], problems


def test_a_row_too_many_is_named_whatever_it_says_of_its_place(
    vault: Fleet, stores: Stores
) -> None:
    keyspace = stores.live().writer.keyspace
    tables = tables_of(stores.cassandra, keyspace)
    forged = []
    for name, key in (("cut", "name"), ("edge_in", "source_cube"), ("edge_out", "derived_cube")):
        row = rows_of(stores, keyspace, tables[name])[0]
        after = {**row, key: changed(row[key]), "ordinal": 2**61}
        forged.append(Change(tables[name], key, row, after))
    for change in forged:
        put(stores, keyspace, change.table, change.after, change.after)
    try:
        problems = audited(vault)
    finally:
        for change in forged:
            put(stores, keyspace, change.table, change.after, None)
    assert [c.table.name for c in forged if c.told(c.after) + "is stored" not in problems] == []


def test_a_row_that_would_hide_what_is_folded_later_is_named(vault: Fleet, stores: Stores) -> None:
    """It says what it should: only the time under which it was written is another."""
    keyspace = stores.live().writer.keyspace
    tables = tables_of(stores.cassandra, keyspace)
    hiding = []
    for name in sorted(FOLLOWING - {"checkpoint"}):
        row = rows_of(stores, keyspace, tables[name])[-1]
        put(stores, keyspace, tables[name], row, row)
        hiding.append(Change(tables[name], WRITE_TIME, row, row))
    expiring = (f"{keyspace}.scope", f"{stores.settings.cassandra.keyspace}.cube_key")
    for table in expiring:
        stores.cassandra.define(f"ALTER TABLE {table} WITH default_time_to_live = 60")
    try:
        problems = audited(vault)
    finally:
        for table in expiring:
            stores.cassandra.define(f"ALTER TABLE {table} WITH default_time_to_live = 0")
    wanted = f"is not what the log gives ({WRITE_TIME})"
    assert [c.table.name for c in hiding if c.told(c.before) + wanted not in problems] == []
    assert "table scope: what is written to it ends by itself" in problems
    assert "table cube_key: what is written to it ends by itself" in problems


def test_a_row_that_is_gone_is_named(vault: Fleet, stores: Stores) -> None:
    keyspace = stores.live().writer.keyspace
    (changes, *_) = rounds_of(stores, keyspace)
    removed = list({change.table.name: change for change in changes}.values())
    with altered(stores, keyspace, [(c.table, c.before, None) for c in removed]):
        problems = audited(vault)
    assert [
        c.table.name for c in removed if c.told(c.before) + "is not stored" not in problems
    ] == []


def test_an_index_that_is_gone_is_named(vault: Fleet, stores: Stores) -> None:
    keyspace = stores.live().writer.keyspace
    (index,) = (index.format(keyspace=keyspace) for index in INDEXES)
    stores.cassandra.define(f"DROP INDEX {keyspace}.attempt_event")
    try:
        problems = audited(vault)
    finally:
        stores.cassandra.define(f"CREATE INDEX {index}")
    assert "index attempt_event" in problems


def test_a_checkpoint_that_is_gone_or_lies_is_named(vault: Fleet, stores: Stores) -> None:
    keyspace = stores.live().writer.keyspace
    table = tables_of(stores.cassandra, keyspace)["checkpoint"]
    rows = [row for row in rows_of(stores, keyspace, table) if row["projection"] != "vectors"]
    ends = {"usage": stores.logs.access.end()}
    for row in rows:
        end = ends.get(row["projection"], stores.logs.events.end())[row["partition"]]
        where = f"checkpoint of {row['projection']}, partition {row['partition']}"
        with altered(stores, keyspace, [(table, row, {**row, "offset": end + 1})]):
            assert where in [problem.where for problem in unmarked(stores, stores.live())]
        with altered(stores, keyspace, [(table, row, None)]):
            problems = [problem.where for problem in unmarked(stores, stores.live())]
        if row["projection"] != "usage":  # a partition without uses has no row that would tell
            assert where in problems
    changes = [
        Change(table, column, row, {**row, column: row[column] + 1})
        for column in ("ordinal", "log_time")
        for row in [row for row in rows if (row["projection"] == "fold") == (column == "ordinal")][
            :1
        ]
    ]
    with altered(stores, keyspace, [(table, c.before, c.after) for c in changes]):
        told = audited(vault)
    assert [c.column for c in changes if c.told(c.before) not in told] == []


def test_keys_and_settings_that_were_changed_are_named(vault: Fleet, stores: Stores) -> None:
    base = stores.settings.cassandra.keyspace
    tables = tables_of(stores.cassandra, base)
    for name in ("tenant_key", "subject_key", "cube_key"):
        table = tables[name]
        for column in set(table.columns) - {"retiring"}:  # whoever writes next takes a mark away
            (before, *_) = [row for row in rows_of(stores, base, table) if row[column] is not None]
            after = {**before, column: changed(before[column])}
            with altered(stores, base, [(table, before, after)]):
                problems = [*key_problems(stores, stores.live()), *verified(vault)]
            assert problems, (name, column)
    setting = tables["setting"]
    for row in rows_of(stores, base, setting):
        if row["name"] in ("vault_id", "administrator", "partitions"):
            after = {**row, "value": changed(row["value"])}
            with altered(stores, base, [(setting, row, after)]):
                wheres = [problem.where for problem in key_problems(stores, stores.live())]
            assert wheres == ["setting"]
    assert list(key_problems(stores, stores.live())) == []


def test_a_key_that_an_erase_should_have_ended_is_named(vault: Fleet, stores: Stores) -> None:
    base = stores.settings.cassandra.keyspace
    table = tables_of(stores.cassandra, base)["cube_key"]
    erased = next(
        cube_id for cube_id, _, _ in stores.live().vault.heads()
        if stores.live().vault.erased_among([cube_id])
    )  # fmt: skip
    stored = rows_of(stores, base, table)[0]
    back = {**stored, "cube_id": erased}
    put(stores, base, table, back, back)
    try:
        told = [problem.what for problem in key_problems(stores, stores.live())]
    finally:
        put(stores, base, table, back, None)
    assert "it was erased, and its key is there" in told


def test_a_lost_key_of_a_tenant_is_told_and_none_is_made_in_its_place(
    vault: Fleet, stores: Stores
) -> None:
    base = stores.settings.cassandra.keyspace
    table = tables_of(stores.cassandra, base)["tenant_key"]
    (row,) = [row for row in rows_of(stores, base, table) if row["tenant"] == "acme"]
    with altered(stores, base, [(table, row, None)]):
        problems = audited(vault)
        left = [kept["tenant"] for kept in rows_of(stores, base, table)]
    assert f"the key of tenant 'acme' is missing in {base}.tenant_key" in problems
    assert "acme" not in left


def test_what_needs_a_lost_key_of_a_tenant_says_so_at_every_door(
    vault: Fleet, stores: Stores
) -> None:
    base = stores.settings.cassandra.keyspace
    table = tables_of(stores.cassandra, base)["tenant_key"]
    (row,) = [row for row in rows_of(stores, base, table) if row["tenant"] == "acme"]
    before = generations(stores.cassandra)
    with (
        altered(stores, base, [(table, row, None)]),
        Memory(vault.path, actor=ALICE) as memory,
    ):
        calls: list[Callable[[], object]] = [
            lambda: memory.search("pottery", scope="acme"),
            lambda: memory.context("pottery", scope="acme/1"),
            lambda: memory.tags("acme"),
            lambda: memory.add("More.", scope="acme/1"),
            lambda: memory.erase(subject="subject 3"),
            lambda: memory.rollback(source="web:blog/3", dry_run=True),
            lambda: list(memory.events(source="web:blog/3")),
            memory.rebuild,
        ]
        for call in calls:
            with pytest.raises(KeysMissing, match="tenant 'acme'"):
                call()
        assert memory.search("kiln", scope="tenant1")
        assert memory.search("pottery", scope="nobody") == []
        assert [problem.where for problem in memory.verify().problems] == ["tenant 'acme'"]
        assert any("tenant 'acme'" in finding.what for finding in doctor(vault.path))
        assert "acme" not in [kept["tenant"] for kept in rows_of(stores, base, table)]
    for number in {*generations(stores.cassandra)} - {*before}:
        drop_generation(stores.cassandra, number)
    with Memory(vault.path, actor=ALICE) as memory:
        assert memory.search("pottery", scope="acme")


def test_vectors_that_were_changed_or_are_gone_are_named(vault: Fleet, stores: Stores) -> None:
    milvus_settings = stores.settings.milvus
    assert milvus_settings is not None
    with closing(Milvus(milvus_settings)) as milvus, vault.collections() as collections:
        number = collections.live()
        assert number is not None
        name = collections.name(number)
        whole = milvus.client.query(name, filter='key != ""', output_fields=["*"], limit=1000)
        other, closed, gone = whole[:3]
        turned = [{**row, "dense": [-x for x in row["dense"]]} for row in whole[3:]]
        try:
            milvus.client.upsert(name, [{**closed, "closed": 5}, *turned])
            milvus.client.delete(name, ids=[gone["key"]])
            problems = audited(vault)
        finally:
            milvus.client.upsert(name, whole)
    assert f"vector {closed['key']}: it is not what the log gives (closed)" in problems
    assert f"vector {gone['key']}: it is not stored" in problems
    assert "it is not what the model gives for its text" in problems
    assert f"vector {other['key']}" not in problems


def test_what_may_go_unnoticed_is_stated_with_its_reason(rebuilt: Fleet) -> None:
    for reason in ELSEWHERE.values():
        assert any(what.startswith(reason) for what in NOT_COMPARED), reason
    with Memory(rebuilt.path, actor=ALICE) as memory:
        audited = memory.audit()
    assert audited.problems == ()
    assert len(audited.not_compared) == len(NOT_COMPARED)
    assert all(NOT_COMPARED.values())


def test_audits_at_once_have_tables_of_their_own_and_leave_none(
    rebuilt: Fleet, stores: Stores
) -> None:
    before = generations(stores.cassandra)
    with ThreadPoolExecutor(2) as threads:
        told = list(threads.map(lambda _: audited(rebuilt), range(2)))
    assert told == ["", ""]
    assert generations(stores.cassandra) == before


def test_an_audit_whose_tables_are_gone_as_it_was_paused_says_so(
    vault: Fleet, stores: Stores
) -> None:
    before, base = generations(stores.cassandra), stores.settings.cassandra.keyspace

    def take_tables(done: int, _: int) -> None:
        for name in holders(stores.cassandra):
            stores.cassandra.execute(f"DELETE FROM {base}.lease WHERE name = ? IF EXISTS", (name,))
        for number in generations(stores.cassandra):
            if number not in before:
                drop_generation(stores.cassandra, number)

    with (
        Memory(vault.path, actor=ALICE) as memory,
        pytest.raises(VaultError, match=r"the lease of generation .* ended"),
    ):
        memory.audit(progress=take_tables)
    assert generations(stores.cassandra) == before
