"""Damaged, missing and foreign files: a clear error, and verify names what is still good."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from random import Random

import apsw
import pytest

from memos import Damaged, Memory, NotFound, Receipt, VaultError
from memos.infrastructure.keys.signer import NoteVerifier
from memos.infrastructure.log.sqlite import stored_tree
from memos.kernel.event import id_bytes
from memos.kernel.note import Checkpoint, open_note
from tests.interface.support import COUNT, damage, flipped, opened, stored, text_of
from tests.opened import stores_of

pytestmark = pytest.mark.filterwarnings("ignore:.*is an older one")


@pytest.mark.parametrize("at", [0, 1, 5, 20, 60, 120, -1, -20])
def test_a_flipped_bit_in_an_event_is_named_by_its_position(
    vault: Path, receipts: list[Receipt], at: int
) -> None:
    bad = receipts[7]
    data = stored(vault, "SELECT data FROM event WHERE offset = 7")
    damage(vault, "UPDATE event SET data = ? WHERE offset = 7", flipped(data, at))
    with opened(vault) as memory:
        found = memory.verify()
        assert not found.ok
        assert [problem.where for problem in found.problems] == ["0:7"]
        for n, receipt in enumerate(receipts):
            if receipt is not bad:
                assert text_of(memory, receipt.cube_id) == f"memory number {n}"
        # The envelope may still be read where the flipped bit is not among what opens the body.
        with suppress(Damaged):
            assert text_of(memory, bad.cube_id) == "memory number 7"
        (found_hit,) = memory.search("3", scope="acme")
        assert found_hit.cube_id == receipts[3].cube_id


def test_a_flipped_bit_in_a_leaf_hash_is_named_by_its_position(
    vault: Path, receipts: list[Receipt]
) -> None:
    leaf = stored(vault, "SELECT leaf FROM event WHERE offset = 3")
    damage(vault, "UPDATE event SET leaf = ? WHERE offset = 3", flipped(leaf, 0))
    with opened(vault) as memory:
        assert "0:3" in [problem.where for problem in memory.verify().problems]
        assert text_of(memory, receipts[3].cube_id) == "memory number 3"


@pytest.mark.parametrize("at", [0, 3, 30, 60, -1])
def test_a_flipped_bit_in_a_head_is_named_by_its_cube_and_a_rebuild_mends_it(
    vault: Path, receipts: list[Receipt], at: int
) -> None:
    with opened(vault) as memory:
        digest = memory.digest()
    bad = receipts[4].cube_id
    state = stored(vault, "SELECT state FROM head WHERE cube_id = ?", id_bytes(bad))
    damage(vault, "UPDATE head SET state = ? WHERE cube_id = ?", flipped(state, at), id_bytes(bad))
    with opened(vault) as memory:
        assert [problem.where for problem in memory.verify().problems] == [f"cube {bad}"]
        for n in (3, 5):
            assert text_of(memory, receipts[n].cube_id) == f"memory number {n}"
        with pytest.raises(Damaged, match="rebuild"):
            memory.get(bad)
        with pytest.raises(Damaged, match="rebuild"):
            memory.update(bad, "new")
        assert memory.rebuild().digest == digest
        assert memory.verify().ok
        assert text_of(memory, bad) == "memory number 4"


def test_damaged_index_rows_are_mended_by_a_rebuild(vault: Path, receipts: list[Receipt]) -> None:
    damage(vault, "DELETE FROM index_doc")
    damage(vault, "DELETE FROM index_span")
    with opened(vault) as memory:
        assert text_of(memory, receipts[0].cube_id) == "memory number 0"
        memory.rebuild()
        assert len(memory.search("number", scope="acme", k=100)) == COUNT


@pytest.mark.parametrize("state", [0, 8, 255])
def test_a_row_of_the_index_whose_state_is_none_hides_no_other(
    vault: Path, receipts: list[Receipt], state: int
) -> None:
    bad = receipts[4].cube_id
    damage(vault, "UPDATE index_span SET state = ? WHERE cube_id = ?", state, id_bytes(bad))
    with opened(vault) as memory:
        found = {hit.cube_id for hit in memory.search("number", scope="acme", k=100)}
        assert found == {receipt.cube_id for receipt in receipts} - {bad}
        assert not memory.audit().ok
        memory.rebuild()
        assert len(memory.search("number", scope="acme", k=100)) == COUNT


@pytest.mark.parametrize("offset", [0, 11, COUNT - 1])
def test_a_removed_record_is_named(vault: Path, receipts: list[Receipt], offset: int) -> None:
    damage(vault, "DELETE FROM event WHERE offset = ?", offset)
    with opened(vault) as memory:
        found = memory.verify()
        assert not found.ok
        where = {problem.where for problem in found.problems}
        assert where & {f"0:{offset}", "log"}
        other = receipts[(offset + 1) % COUNT]
        assert text_of(memory, other.cube_id)
        with pytest.raises(Damaged):
            memory.get(receipts[offset].cube_id)


def test_a_log_that_was_rewritten_whole_is_told_by_its_signed_checkpoint(
    vault: Path, tmp_path: Path, receipts: list[Receipt]
) -> None:
    """Who rewrites every hash still cannot sign."""
    with Memory(tmp_path / "other", actor="agent:alice") as other:
        for n in range(COUNT):
            other.add(f"forged {n}", scope="acme")
    note = stored(vault, "SELECT cast(note AS BLOB) FROM checkpoint").decode()
    shutil.copy(tmp_path / "other" / "memos.db", vault / "memos.db")
    damage(vault, "INSERT INTO checkpoint VALUES (?, ?)", COUNT, note)
    with opened(vault) as memory:
        assert f"checkpoint {COUNT}" in [problem.where for problem in memory.verify().problems]


@pytest.mark.parametrize("page", range(2, 16))
def test_a_page_of_noise_is_a_clear_error_or_does_no_harm(
    vault: Path, receipts: list[Receipt], page: int
) -> None:
    path = vault / "memos.db"
    size = stored_page_size(path)
    with path.open("r+b") as file:
        file.seek((page - 1) * size)
        file.write(Random(page).randbytes(size))
    with suppress(VaultError), opened(vault) as memory:
        check_what_is_left(memory, receipts)


def check_what_is_left(memory: Memory, receipts: list[Receipt]) -> None:
    with suppress(Damaged):
        assert not memory.verify().ok
    for n, receipt in enumerate(receipts):
        with suppress(VaultError, NotFound):
            assert text_of(memory, receipt.cube_id) == f"memory number {n}"


def stored_page_size(path: Path) -> int:
    connection = apsw.Connection(str(path))
    size = next(connection.execute("PRAGMA page_size"))[0]
    connection.close()
    return int(size)


@pytest.mark.parametrize("part", [0.0, 0.001, 0.5, 0.9])
def test_a_truncated_database_is_a_clear_error(
    vault: Path, receipts: list[Receipt], part: float
) -> None:
    path = vault / "memos.db"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * part)])
    with suppress(VaultError), opened(vault) as memory:
        assert not memory.verify().ok
    assert path.stat().st_size <= len(data), "nothing is made anew over what was damaged"


def test_a_truncated_write_ahead_log_gives_an_earlier_whole_state_and_a_kept_note_tells(
    vault: Path, tmp_path: Path
) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        kept = [memory.add(f"early {n}", scope="acme") for n in range(5)]
        stores_of(memory).database.checkpoint_wal()
        for n in range(20):
            memory.add(f"late {n}", scope="acme")
        note, key = memory.checkpoint().note, memory.verifier_key()
        crashed = tmp_path / "crashed"
        shutil.copytree(vault, crashed)
    wal = crashed / "memos.db-wal"
    wal.write_bytes(wal.read_bytes()[: wal.stat().st_size // 2 + 13])
    with opened(crashed) as memory:
        assert memory.verify().ok
        assert memory.rebuild().digest == memory.digest()
        assert all(text_of(memory, receipt.cube_id) for receipt in kept)
        signed = Checkpoint.parse(open_note(note, [NoteVerifier(key)]).text)
        with stores_of(memory).read() as reader:
            assert 5 <= stored_tree(reader.connection).size < signed.size
