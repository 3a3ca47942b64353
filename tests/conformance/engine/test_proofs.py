"""The contract of proofs (see `memos.infrastructure.engine.port`)."""

from __future__ import annotations

from memos.infrastructure.keys.signer import NoteVerifier
from memos.kernel.leaf import leaf_of
from memos.kernel.merkle import verify_consistency, verify_inclusion
from memos.kernel.note import Checkpoint, open_note
from tests.conformance.engine.vault import EngineVault


def test_a_head_is_signed_by_the_vault_over_all_that_the_partition_holds(
    vault: EngineVault,
) -> None:
    partition, offset = vault.add("one").position
    proofs = vault.engine.proofs
    head = proofs.sign(partition)
    assert head.size > offset
    note = open_note(head.note, [NoteVerifier(proofs.signer().verifier_key)])
    checkpoint = Checkpoint.parse(note.text)
    assert (checkpoint.size, checkpoint.root) == (head.size, head.root)
    assert checkpoint.origin.startswith(vault.engine.origin)


def test_a_head_is_the_same_whoever_signs_it(vault: EngineVault) -> None:
    partition, _ = vault.add("one").position
    first = vault.engine.proofs.sign(partition)
    again = vault.open().proofs.sign(partition)
    assert (again.size, again.root) == (first.size, first.root)


def test_an_inclusion_proof_holds_for_its_record_and_no_other(vault: EngineVault) -> None:
    cube_id = vault.add("one").event.cube_id
    (committed,) = vault.commit(vault.revision(cube_id, "two"))  # in the same partition
    position = committed.position
    proofs = vault.engine.proofs
    head = proofs.sign(position.partition)
    path = proofs.inclusion(position, head.size)
    record = proofs.record(position)
    assert record.data == committed.event.SerializeToString()
    leaf = leaf_of(position.offset, record.log_time, record.data)
    before = proofs.record(position._replace(offset=position.offset - 1))
    earlier = leaf_of(before.position.offset, before.log_time, before.data)
    assert verify_inclusion(leaf, position.offset, head.size, path, head.root)
    assert not verify_inclusion(earlier, position.offset, head.size, path, head.root)
    assert leaf != earlier


def test_a_consistency_proof_ties_a_later_head_to_an_earlier_one(vault: EngineVault) -> None:
    first = vault.add("one")
    proofs, partition = vault.engine.proofs, first.position.partition
    early = proofs.sign(partition)
    vault.commit(vault.revision(first.event.cube_id, "two"))
    late = proofs.sign(partition)
    assert late.size > early.size
    path = proofs.consistency(partition, early.size, late.size)
    assert verify_consistency(early.size, early.root, late.size, late.root, path)
    other = bytes(len(early.root))
    assert not verify_consistency(early.size, other, late.size, late.root, path)
