"""Every column of every table, emptied: each door gives the right answer or a typed error."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from functools import partial

import pytest

from memos import Memory, MemosError
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra.comparison import Table, tables_of
from tests.fleet import Fleet
from tests.infrastructure.engine.distributed.mutations import ALICE, Row, altered, filled, rows_of

pytestmark = [pytest.mark.soak, pytest.mark.timeout(1800)]

KEYS_AND_SETTINGS = {"tenant_key", "subject_key", "cube_key", "setting"}


@pytest.fixture(scope="module")
def vault(engines: LocalServers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    with filled(engines, tmp_path_factory.mktemp("emptied")) as fleet:
        yield fleet


@pytest.fixture
def stores(vault: Fleet) -> Iterator[Stores]:
    with closing(Stores(vault.settings)) as opened:
        yield opened


def answers(vault: Fleet, cubes: list[str]) -> dict[str, str]:
    """What every door of a vault answers; of one that raises, the class of a typed error."""
    told = {}
    with ExitStack() as stack:
        try:
            memory = stack.enter_context(Memory(vault.path, actor=ALICE))
        except MemosError as error:
            return {"open": type(error).__name__}
        doors: dict[str, Callable[[], object]] = {
            "search": lambda: [h.cube_id for h in memory.search("pottery", scope="acme", k=50)],
            "search at a cut": lambda: [
                h.cube_id for h in memory.search("pottery", scope="acme", k=50, as_of="cut 2")
            ],
            "context": lambda: memory.context("pottery", scope="acme").text,
            "tags": lambda: memory.tags("acme"),
            "events": lambda: [entry.event_id for entry in memory.events()],
            "events of a source": lambda: [e.event_id for e in memory.events(source="web:blog/3")],
            "events of a scope": lambda: [e.event_id for e in memory.events(scope="acme")],
            "cuts": memory.cuts,
            "digest": memory.digest,
            "stats": lambda: memory.stats().states,
            "plan": lambda: memory.rollback(source="web:blog", dry_run=True).changes,
        }
        for cube in cubes:
            doors |= {
                f"get {cube}": partial(memory.get, cube),
                f"get {cube} at a cut": partial(memory.get, cube, as_of="cut 2"),
                f"history {cube}": partial(memory.history, cube),
                f"lineage {cube}": partial(memory.lineage, cube),
            }
        for name, door in doors.items():
            try:
                told[name] = repr(door())
            except MemosError as error:
                told[name] = type(error).__name__
    return told


def is_told(answer: str) -> bool:
    """Whether an answer says that something is damaged: a typed error, or a place in a list."""
    return answer in ("Damaged", "KeysMissing", "VaultError") or "DamagedChange(" in answer


def test_a_column_that_is_empty_is_right_or_told_at_every_door(
    vault: Fleet, stores: Stores
) -> None:
    with Memory(vault.path, actor=ALICE) as memory:
        cubes = [hit.cube_id for hit in memory.search("pottery", scope="acme", k=2)]
    whole = answers(vault, cubes)
    keyspace, wrong = stores.live().writer.keyspace, []
    for table, column, emptied in emptied_columns(stores, keyspace):
        with altered(stores, keyspace, emptied):
            told = answers(vault, cubes)
        wrong += [
            (table.name, column, name, whole.get(name), answer)
            for name, answer in told.items()
            if answer != whole.get(name) and not is_told(answer)
        ]
    assert wrong == []


def test_a_column_that_is_empty_among_keys_and_settings_raises_typed_errors_only(
    vault: Fleet, stores: Stores
) -> None:
    with Memory(vault.path, actor=ALICE) as memory:
        cubes = [hit.cube_id for hit in memory.search("pottery", scope="acme", k=2)]
    base = stores.settings.cassandra.keyspace
    for table, column, emptied in emptied_columns(stores, base):
        if table.name in KEYS_AND_SETTINGS and column != "retiring":  # it is empty mostly
            with altered(stores, base, emptied):
                told = answers(vault, cubes)
            assert told != answers(vault, cubes), (table.name, column)


def emptied_columns(
    stores: Stores, keyspace: str
) -> Iterator[tuple[Table, str, list[tuple[Table, Row, Row | None]]]]:
    """Every column outside the key of every table, with its rows before and after it is emptied."""
    for table in tables_of(stores.cassandra, keyspace).values():
        rows = rows_of(stores, keyspace, table)
        for column in sorted(set(table.columns) - set(table.key)):
            having = [row for row in rows if row[column] is not None]
            yield table, column, [(table, row, {**row, column: None}) for row in having]
