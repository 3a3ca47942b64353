"""A damaged row is told where it is read, and holds up nobody whose rows are whole."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from memos import Damaged, MemCube, Memory, Receipt
from memos.kernel.event import id_bytes
from tests.interface.support import damage, opened, text_of
from tests.opened import stores_of

OUT_OF_COUNT = ["'x'", "x'00'", "1.5", "-5"]


def uses_of(memory: Memory, cube_id: str) -> int:
    cube = memory.get(cube_id)
    assert isinstance(cube, MemCube)
    return cube.uses


@pytest.mark.parametrize("value", OUT_OF_COUNT)
@pytest.mark.parametrize("column", ["version", "sequence", "composed_from"])
def test_a_count_that_is_none_is_damage_of_its_own_memory_and_others_are_noted(
    vault: Path, receipts: list[Receipt], column: str, value: str
) -> None:
    bad, good = receipts[4].cube_id, receipts[5].cube_id
    damage(vault, f"UPDATE attempt SET {column} = {value} WHERE cube_id = ?", id_bytes(bad))
    with opened(vault) as memory:
        with pytest.raises(Damaged, match="run `memos rebuild`"):
            memory.get(bad)
        for _ in range(3):
            memory.get(good)
        memory.sweep()
        assert memory.stats().access_failure == ""
        assert len(memory.accesses(cube_id=good)) == 3
        assert uses_of(memory, good) == 3
        assert not memory.audit().ok
        memory.rebuild()
        assert text_of(memory, bad) == "memory number 4"


@pytest.mark.parametrize("value", ["'x'", "-5", f"{2**63 - 1}"])
def test_a_usage_that_is_none_holds_up_no_access_and_is_folded_again_with_the_next(
    vault: Path, receipts: list[Receipt], value: str
) -> None:
    bad, good = receipts[4].cube_id, receipts[5].cube_id
    with opened(vault) as memory:
        memory.get(bad)
        memory.get(bad)
    damage(vault, f"UPDATE usage SET uses = {value} WHERE cube_id = ?", id_bytes(bad))
    with opened(vault) as memory:
        for door in (lambda: memory.get(bad), memory.usage_digest):
            with pytest.raises(Damaged, match=r"usage of cube .* is damaged"):
                door()
        assert not memory.audit().ok
        memory.get(good)
        memory.search("4", scope="acme")  # finds the one whose usage is damaged
        memory.sweep()
        assert len(memory.accesses(cube_id=good)) == 1
        assert uses_of(memory, good) == 1


@pytest.mark.parametrize("position", [2**62, 2**63 - 1])
def test_an_access_where_no_log_comes_to_holds_up_no_other(
    vault: Path, receipts: list[Receipt], position: int
) -> None:
    good = receipts[5].cube_id
    with opened(vault) as memory:
        memory.get(good)
    damage(vault, "UPDATE access SET position = ?", position)
    with opened(vault) as memory:
        memory.get(good)
        memory.sweep()
        assert uses_of(memory, good) == 2
        assert "access 1" in [problem.where for problem in memory.audit().problems]


def test_a_key_of_queries_that_is_damaged_holds_up_no_access(
    vault: Path, receipts: list[Receipt]
) -> None:
    with opened(vault) as memory:
        known = set(stores_of(memory).keys.subjects())
        memory.search("number 3", scope="acme")
        memory.sweep()
        ((_, day, _),) = set(stores_of(memory).keys.subjects()) - known
    sql = "UPDATE subject_key SET wrapped = zeroblob(60) WHERE subject = ?"
    damage(vault, sql, day, file="keys.db")
    with opened(vault) as memory:
        memory.search("number 3", scope="acme")
        memory.get(receipts[5].cube_id)
        memory.sweep()
        assert [access.action for access in memory.accesses()][-2:] == ["search", "get"]


def test_an_export_leaves_out_what_is_no_access(
    vault: Path, receipts: list[Receipt], tmp_path: Path
) -> None:
    with opened(vault) as memory:
        memory.get(receipts[5].cube_id)
        memory.get(receipts[6].cube_id)
    damage(vault, "UPDATE access SET data = x'00' WHERE position = 0")
    with opened(vault) as memory:
        memory.export(tmp_path / "out")
    assert len((tmp_path / "out" / "accesses.jsonl").read_text().splitlines()) == 1


@pytest.mark.parametrize("name", ["x y", "a+b", "a\nb", "a\x01b"])
def test_a_vault_that_does_not_know_its_name_says_so_and_signs_nothing(
    vault: Path, receipts: list[Receipt], name: str
) -> None:
    damage(vault, "UPDATE setting SET value = ? WHERE name = 'vault_id'", name)
    with opened(vault) as memory:
        memory.add("one that no checkpoint covers", scope="acme")
        doors: list[Callable[[], object]] = [
            memory.checkpoint,
            memory.verifier_key,
            lambda: memory.prove(receipts[0].event_id),
            lambda: memory.prove_consistency(1),
        ]
        for door in doors:
            with pytest.raises(Damaged, match=r"`vault_id`.*is damaged"):
                door()
        for found in (memory.verify(), memory.audit()):
            assert "`vault_id`" in str(found.problems)
        assert text_of(memory, receipts[0].cube_id) == "memory number 0"


@pytest.mark.parametrize("position", [-5, 2**62, 2**63 - 1])
def test_a_position_where_the_log_has_nothing_proves_nothing(
    vault: Path, receipts: list[Receipt], position: int
) -> None:
    bad = receipts[4]
    damage(
        vault,
        "UPDATE attempt SET position = ? WHERE cube_id = ?",
        position,
        id_bytes(bad.cube_id),
    )
    with opened(vault) as memory:
        with pytest.raises(Damaged, match=r"run `memos (audit|rebuild)`"):
            memory.prove(bad.event_id)
        assert not memory.audit().ok


def test_a_head_in_a_tenant_without_keys_is_counted(vault: Path, receipts: list[Receipt]) -> None:
    bad = id_bytes(receipts[4].cube_id)
    damage(vault, "UPDATE head SET scope = 'nobody/x' WHERE cube_id = ?", bad)
    with opened(vault) as memory:
        assert memory.stats().memories == len(receipts)
        assert not memory.audit().ok
