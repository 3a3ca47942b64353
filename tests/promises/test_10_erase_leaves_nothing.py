"""Promise 10: an erase destroys every key and copy; hashes, proofs and history stay as they were."""

from __future__ import annotations

import base64
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import apsw
import pytest

from memos import ErasureReceipt, Forgotten, Held, Memory, NotFound
from memos.infrastructure.log.sqlite import stored_tree, tree_nodes
from memos.kernel.event import id_bytes
from memos.kernel.merkle import consistency_proof, verify_consistency
from memos.language.analysis import analyzer_of
from tests.opened import stores_of

TEXT = "Xylophonists befriended quokkas in Wagga"
WORDS = ["Xylophonists", "xylophonist", "befriended", "befriend", "quokkas", "quokka", "Wagga"]
TAG, META, SOURCE, SUBJECT = "bilbytag", "numbatmeta", "potoroosource", "wombatsubject"

CRASH_AFTER_THE_REQUEST = """
import os, signal, sys
from memos import Memory
from memos.operation.commands import erase as erasing
erasing.finish_erases = lambda *given: os.kill(os.getpid(), signal.SIGKILL)
Memory(sys.argv[1], actor="agent:alice").erase(subject=sys.argv[2])
"""

CRASH_AFTER_THE_KEYS = """
import os, signal, sys
from memos import Memory
from memos.infrastructure.keys.sqlite.key_store import SqliteKeyStore
destroy = SqliteKeyStore.destroy
def destroy_and_die(*given):
    destroy(*given)
    os.kill(os.getpid(), signal.SIGKILL)
SqliteKeyStore.destroy = destroy_and_die
Memory(sys.argv[1], actor="agent:alice").erase(subject=sys.argv[2])
"""


def encodings(words: Iterable[str]) -> set[bytes]:
    found: set[bytes] = set()
    for word in words:
        for form in (word, word.lower(), word.upper()):
            plain = form.encode()
            found |= {
                plain,
                form.encode("utf-16-le"),
                form.encode("utf-16-be"),
                plain.hex().encode(),
            }
            found |= {base64.b64encode(plain)[: len(plain)], plain[::-1]}
    return found


def traces(vault: Path, wanted: Iterable[bytes]) -> list[tuple[str, bytes]]:
    needles = list(wanted)
    return [
        (str(file.relative_to(vault)), needle)
        for file in sorted(vault.rglob("*"))
        if file.is_file()
        for data in [file.read_bytes()]
        for needle in needles
        if needle in data
    ]


def index_terms(memory: Memory, words: Iterable[str], tag: str) -> set[bytes]:
    """The keyed hashes under which the index knows these words."""
    key = memory._session.engine.keys.tenant_key("acme")
    terms = set(analyzer_of(key).index_terms(" ".join(words)).terms)
    terms.add(analyzer_of(key).exact_term("tag", tag))
    return {term.to_bytes(8, "little", signed=True) for term in terms} | {
        term.to_bytes(8, "big", signed=True) for term in terms
    }


def fill(memory: Memory, times: int = 60) -> None:
    for n in range(times):
        memory.add(f"an ordinary memory {n}", scope=f"acme/{n % 3}", tags=["plain"])


def add_secret(memory: Memory) -> str:
    fill(memory)
    receipt = memory.add(
        "to be replaced", scope="acme/1", subject=SUBJECT, source=SOURCE,
        tags=[TAG], metadata={"k": META}, idempotency_key="k1",
    )  # fmt: skip
    memory.update(receipt.cube_id, TEXT, metadata={"k": META}, reason="xylophonists")
    memory.update(receipt.cube_id, "befriended quokkas", mode="append")
    memory.tag(receipt.cube_id, f"{TAG}2")
    memory.add("about it", scope="acme/2", derived_from=[receipt.cube_id], source=f"{SOURCE}/2")
    memory.search("xylophonists quokka", scope="acme")
    memory.search("befriend", scope="acme", filter={"tags": TAG})
    fill(memory)
    return receipt.cube_id


def check_gone(memory: Memory, vault: Path, cube_id: str, terms: set[bytes]) -> None:
    assert isinstance(memory.get(cube_id), Forgotten)
    for version in (1, 2, 3):
        assert isinstance(memory.get(cube_id, version=version), Forgotten)
    assert isinstance(memory.get(cube_id, as_of="before"), Forgotten)
    assert all(change.text is None for change in memory.history(cube_id))
    for query in (TEXT, "quokka", "xylophonist"):
        assert memory.search(query, scope="acme", k=100) == []
        assert memory.search(query, scope="acme", k=100, as_of="before") == []
    words = [*WORDS, TAG, META, SOURCE, SUBJECT]
    assert traces(vault, encodings(words)) == []
    assert traces(vault, terms) == []
    assert memory.verify().ok
    assert memory.rebuild().digest == memory.digest()
    memory.close()
    assert traces(vault, encodings(words) | terms) == []


def test_an_erase_leaves_nothing_in_any_file(memory: Memory, vault: Path) -> None:
    cube_id = add_secret(memory)
    memory.name_cut("before")
    terms = index_terms(memory, WORDS, TAG)
    assert traces(vault, terms), "the index should know the words before the erase"
    receipt = memory.erase(subject=SUBJECT)
    assert receipt.confirmed
    assert len(receipt.cube_ids) == 2
    check_gone(memory, vault, cube_id, terms)


@pytest.mark.parametrize("crash", [CRASH_AFTER_THE_REQUEST, CRASH_AFTER_THE_KEYS])
def test_an_erase_that_was_cut_off_is_finished_when_the_vault_is_opened(
    vault: Path, crash: str
) -> None:
    with Memory(vault, actor="agent:alice") as memory:
        cube_id = add_secret(memory)
        memory.name_cut("before")
        terms = index_terms(memory, WORDS, TAG)
    command = [sys.executable, "-c", crash, str(vault), SUBJECT]
    assert subprocess.run(command, check=False).returncode == -9
    with Memory(vault, actor="agent:alice") as memory:
        kinds = [entry.kind for entry in memory.events(cube_id=cube_id)]
        assert kinds[-2:] == ["EraseRequested", "Erased"]
        check_gone(memory, vault, cube_id, terms)


def test_destroyed_keys_are_left_in_no_page(memory: Memory, vault: Path) -> None:
    """Many keyed adds come in random order, so pages are split and rebalanced again and again."""
    receipts = []
    for batch in range(12):
        receipts += memory.add_many(
            [
                {"text": f"text {batch} {n}", "scope": "acme/a", "subject": f"s{batch}-{n % 9}"}
                for n in range(100)
            ],
            idempotency_key=f"batch {batch}",
        )
    reader = stores_of(memory).database.reader()
    wrapped = dict(reader.execute("SELECT cube_id, wrapped FROM cube_key"))
    with apsw.Connection(str(vault / "keys.db"), flags=apsw.SQLITE_OPEN_READONLY) as keys:
        before = {row[0] for row in keys.execute("SELECT wrapped FROM subject_key")}
    gone = [receipt.cube_id for receipt in receipts[::9]][:60]
    for cube_id in gone:
        memory.erase(cube_id=cube_id)
    for batch in range(12):
        memory.erase(subject=f"s{batch}-4")
    with apsw.Connection(str(vault / "keys.db"), flags=apsw.SQLITE_OPEN_READONLY) as keys:
        after = {row[0] for row in keys.execute("SELECT wrapped FROM subject_key")}
    assert len(before - after) >= 12
    assert traces(vault, [wrapped[id_bytes(cube_id)] for cube_id in gone]) == []
    assert traces(vault, before - after) == []


def test_another_process_that_had_the_text_open_reads_it_no_more(
    memory: Memory, vault: Path
) -> None:
    receipt = memory.add(TEXT, scope="acme", subject=SUBJECT)
    memory.name_cut("before")
    with Memory(vault, actor="agent:bob") as other:
        assert other.history(receipt.cube_id)[0].text == TEXT
        assert len(other.search("quokkas", scope="acme")) == 1
        memory.erase(subject=SUBJECT)
        assert other.history(receipt.cube_id)[0].text is None
        assert isinstance(other.get(receipt.cube_id, version=1), Forgotten)
        assert other.search("quokkas", scope="acme") == []
        assert other.search("quokkas", scope="acme", as_of="before") == []


def test_the_proofs_of_the_log_outlive_an_erase(memory: Memory) -> None:
    receipt = memory.add(TEXT, scope="acme", subject=SUBJECT)
    proof, old = memory.prove(receipt.event_id), memory.checkpoint()
    memory.erase(subject=SUBJECT)
    key = memory.verifier_key()
    assert proof.verify(key)
    assert memory.prove(receipt.event_id).verify(key)
    assert memory.verify().ok
    with stores_of(memory).read() as reading:
        tree, nodes = stored_tree(reading.connection), tree_nodes(reading.connection)
        grown = consistency_proof(nodes, old.size, tree.size)
    assert verify_consistency(old.size, bytes.fromhex(old.root), tree.size, tree.root(), grown)


def test_a_hold_refuses_an_erase_aloud_and_nothing_is_touched(memory: Memory, vault: Path) -> None:
    free = memory.add("free", scope="acme", subject=SUBJECT)
    held = memory.add("held", scope="acme", subject=SUBJECT)
    memory.hold(held.cube_id)
    keys = (vault / "keys.db").read_bytes()
    with pytest.raises(Held) as refused:
        memory.erase(subject=SUBJECT)
    assert refused.value.cube_ids == (held.cube_id,)
    assert (vault / "keys.db").read_bytes() == keys
    assert memory.get(free.cube_id).text == "free"  # type: ignore[union-attr]
    assert memory.get(held.cube_id).text == "held"  # type: ignore[union-attr]
    memory.update(free.cube_id, "still mine to change")
    memory.lift_hold(held.cube_id)
    assert len(memory.erase(subject=SUBJECT).cube_ids) == 2


def test_a_held_derived_memory_holds_its_sources(memory: Memory) -> None:
    source = memory.add("source", scope="acme", subject=SUBJECT)
    derived = memory.add("derived", scope="acme", derived_from=[source.cube_id])
    memory.hold(derived.cube_id)
    with pytest.raises(Held) as refused:
        memory.erase(cube_id=source.cube_id)
    assert refused.value.cube_ids == (derived.cube_id,)
    assert memory.get(source.cube_id)


def test_a_receipt_lists_each_artefact_and_verifies(memory: Memory, vault: Path) -> None:
    receipt = memory.add("one", scope="acme", subject=SUBJECT)
    memory.update(receipt.cube_id, "two")
    told = memory.erase(subject=SUBJECT)
    kinds = [artefact.kind for artefact in told.artefacts]
    assert kinds.count("cube key") == 1
    assert kinds.count("version") == 2
    assert kinds.count("subject key") == 1
    assert told.verify(memory.verifier_key())
    forged = ErasureReceipt(
        told.operation_id, told.erased_at, (), told.restored, told.artefacts, told.note, True
    )
    assert not forged.verify(memory.verifier_key())
    with Memory(vault.parent / "other", actor="agent:alice") as other:
        assert not told.verify(other.verifier_key())


def test_an_erase_changes_no_outcome_in_history(memory: Memory) -> None:
    receipt = memory.add("one", scope="acme", subject=SUBJECT)
    memory.update(receipt.cube_id, "two", mode="append")
    with pytest.raises(NotFound):
        memory.erase(subject="nobody")
    before = [(e.event_id, e.result, e.version) for e in memory.events(cube_id=receipt.cube_id)]
    memory.erase(subject=SUBJECT)
    memory.rebuild()
    after = [(e.event_id, e.result, e.version) for e in memory.events(cube_id=receipt.cube_id)]
    assert after[: len(before)] == before


def test_what_comes_after_an_erase_about_the_same_subject_is_new(memory: Memory) -> None:
    old = memory.add("before", scope="acme", subject=SUBJECT)
    memory.erase(subject=SUBJECT)
    new = memory.add("after", scope="acme", subject=SUBJECT)
    assert memory.get(new.cube_id).text == "after"  # type: ignore[union-attr]
    assert isinstance(memory.get(old.cube_id), Forgotten)
    assert memory.erase(subject=SUBJECT).cube_ids == (new.cube_id,)


def test_what_came_between_a_request_that_crashed_and_its_end_is_not_erased(
    memory: Memory, vault: Path
) -> None:
    old = memory.add("before", scope="acme", subject=SUBJECT)
    crashed = subprocess.run(
        [sys.executable, "-c", CRASH_AFTER_THE_REQUEST, str(vault), SUBJECT], check=False
    )
    assert crashed.returncode == -9
    new = memory.add("between", scope="acme", subject=SUBJECT)
    with Memory(vault, actor="agent:alice") as opened:
        assert isinstance(opened.get(old.cube_id), Forgotten)
        assert opened.get(new.cube_id).text == "between"  # type: ignore[union-attr]
        told = opened.erase(subject=SUBJECT)
        assert told.cube_ids == (new.cube_id,)
        assert [a.kind for a in told.artefacts].count("subject key") == 1
        assert (told.gone, told.confirmed) == (True, True)


def test_no_temporary_file_is_left_beside_or_in_the_vault(memory: Memory, vault: Path) -> None:
    add_secret(memory)
    memory.erase(subject=SUBJECT)
    memory.close()
    files = {"erased.jsonl", "keys.db", "memos.db", "root.key"}
    assert {path.name for path in vault.iterdir()} == files
    assert [path.name for path in vault.parent.iterdir()] == [vault.name]
