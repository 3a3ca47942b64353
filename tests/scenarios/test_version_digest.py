"""The digest of a version, on both engines: one for ever, and wherever the version is read."""

from __future__ import annotations

from pathlib import Path

from memos import MemCube, Memory
from tests.scenarios.place import Place


def read(memory: Memory, cube_id: str, version: int | None = None) -> MemCube:
    found = memory.get(cube_id, version=version, any_state=version is None)
    assert isinstance(found, MemCube)
    return found


def test_a_version_has_one_digest_wherever_it_is_read(
    place: Place, memory: Memory, tenant: str
) -> None:
    first = memory.add("First.", scope=tenant)
    second = memory.update(first.cube_id, "Second.")
    assert len(first.digest) == len(second.digest) == 64
    assert first.digest != second.digest
    assert read(memory, first.cube_id, 1).digest == first.digest
    assert read(memory, first.cube_id).digest == second.digest
    assert [cube.digest for cube in place.open().list(scope=tenant)] == [second.digest]


def test_what_changes_no_version_changes_no_digest(memory: Memory, tenant: str) -> None:
    added = memory.add("A note.", scope=tenant, tags=["home"])
    assert memory.tag(added.cube_id, "home").digest == added.digest
    assert memory.archive(added.cube_id).digest == added.digest
    assert memory.restore(added.cube_id).digest == added.digest
    assert read(memory, added.cube_id).digest == added.digest


def test_a_retry_is_told_the_digest_of_what_it_repeats(memory: Memory, tenant: str) -> None:
    added = memory.add("Once.", scope=tenant, idempotency_key="once")
    memory.update(added.cube_id, "Twice.")
    assert memory.add("Once.", scope=tenant, idempotency_key="once") == added


def test_equal_texts_have_digests_of_their_own_and_a_copy_has_the_same(
    memory: Memory, tenant: str, tmp_path: Path
) -> None:
    one, other = (memory.add("The same.", scope=tenant) for _ in range(2))
    assert one.digest != other.digest
    memory.export(tmp_path / "export", scope=tenant)
    with Memory.load(tmp_path / "export", tmp_path / "copy.vault") as copy:
        assert read(copy, one.cube_id).digest == one.digest
