"""The contracts of a dump and of a replay (see `memos.infrastructure.engine.dump` and `.replay`)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.dump import Dumpable, DumpSelection
from memos.infrastructure.engine.location import open_directory
from memos.infrastructure.engine.port import Engine
from memos.infrastructure.engine.replay import CREATING, ReplayTransaction
from memos.infrastructure.log.ancestry import FirstPlace
from memos.infrastructure.progress import no_progress
from memos.kernel.errors import VaultError
from memos.kernel.event import decode
from memos.kernel.leaf import leaf_of
from memos.kernel.merkle import Frontier
from tests.conformance.engine.vault import ADMINISTRATOR, EngineVault, text_of


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Engine]:
    """An embedded vault that takes records in."""
    engine = open_directory(tmp_path / "empty", actor=ADMINISTRATOR, clock=system_time)
    with closing(engine):
        yield engine


def take_in(transaction: ReplayTransaction, vault: EngineVault, dump: Dumpable) -> None:
    """Append all that a dump holds."""
    keys = vault.engine.keys
    for tenant in keys.tenants():
        for key in keys.ring(tenant):
            transaction.keys.add_tenant_key(tenant, key)
    for line in dump.lines(DumpSelection(), no_progress):
        event = decode(line.data)
        created = line.sequence == 1 and event.kind in CREATING
        cube_key = dump.reader.cube_key(event.cube_id) if created else None
        assert transaction.append(line.data, event, line.log_time, cube_key) == line.sequence
        transaction.keep_first_place(line.first or FirstPlace(vault.engine.origin, line.offset, 0))


def test_what_a_dump_gives_folds_to_the_same_vault_where_it_is_taken_in(
    vault: EngineVault, empty: Engine
) -> None:
    cube_id = vault.add("first words").event.cube_id
    vault.commit(vault.revision(cube_id, "second words"))
    with vault.engine.dump() as dump:
        empty.replay("load").transact(lambda transaction: take_in(transaction, vault, dump))
        assert empty.maintenance.digest() == dump.digest(DumpSelection())
    with empty.read() as reader:
        assert text_of(reader.body(cube_id, 1)) == "first words"
        assert text_of(reader.body(cube_id, 2)) == "second words"
        assert reader.rows_of(reader.view(vault.tenant), [cube_id]).keys() == {cube_id}
    assert empty.maintenance.audit().problems == ()


def test_a_dump_has_the_tree_of_its_lines(vault: EngineVault) -> None:
    vault.add("one")
    tree = Frontier()
    with vault.engine.dump() as dump:
        for line in dump.lines(DumpSelection(), no_progress):
            assert line.offset == tree.size
            tree.push(leaf_of(line.offset, line.log_time, line.data))
        assert dump.tree() == (tree.size, tree.root())


def test_a_dump_goes_on_from_the_end_of_another(vault: EngineVault) -> None:
    vault.add("one")
    with vault.engine.dump() as dump:
        before = list(dump.lines(DumpSelection(), no_progress))
        end = dump.ended()
    later = vault.add("two").event.cube_id
    tree = Frontier.from_bytes(end.tree)
    assert tree.size == end.size == len(before)
    with vault.engine.dump() as dump:
        assert dump.goes_on_from(end)
        for line in dump.lines(DumpSelection(since=end), no_progress):
            assert line.offset == tree.size
            assert line.log_time >= before[-1].log_time
            assert decode(line.data).cube_id == later
            tree.push(leaf_of(line.offset, line.log_time, line.data))
        assert tree.size > end.size
        assert dump.tree() == (tree.size, tree.root())
        assert dump.ended().tree == tree.to_bytes()
        assert not dump.goes_on_from(end._replace(tails=dict.fromkeys(end.tails, bytes(32))))


def test_a_dump_of_a_part_holds_the_chosen_cubes_only(vault: EngineVault) -> None:
    chosen, other = (vault.add(text).event.cube_id for text in ("chosen", "other"))
    part = DumpSelection(lambda state: state.cube_id == chosen, scope=vault.tenant)
    with vault.engine.dump() as dump:
        lines = list(dump.lines(part, no_progress))
        assert [decode(line.data).cube_id for line in lines] == [chosen]
        assert dump.state(other).cube_id == other
        assert list(dump.erased(part)) == []


def test_an_error_undoes_all_that_was_taken_in(vault: EngineVault, empty: Engine) -> None:
    vault.add("one")
    digest = empty.maintenance.digest()

    def take_in_and_fail(transaction: ReplayTransaction) -> None:
        with vault.engine.dump() as dump:
            take_in(transaction, vault, dump)
            raise ValueError("not this one")

    with pytest.raises(ValueError, match="not this one"):
        empty.replay("load").transact(take_in_and_fail)
    assert empty.maintenance.digest() == digest
    assert empty.maintenance.figures().events == 0


def test_an_engine_that_has_no_such_transaction_says_what_to_do(vault: EngineVault) -> None:
    if vault.is_embedded:
        assert vault.engine.replay("import_export").workplace == vault.path
        return
    with pytest.raises(VaultError, match="import_export needs an embedded vault") as refused:
        vault.engine.replay("import_export")
    assert "memos migrate --from" in str(refused.value)
