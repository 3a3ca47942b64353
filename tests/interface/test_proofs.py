from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from memos import InvalidInput, Memory, NotFound
from memos.kernel.event import decode
from memos.operation.erasure_receipt import SIGNED
from tests.interface.odd import ODD


@pytest.fixture
def memory(tmp_path: Path) -> Memory:
    return Memory(tmp_path / "v", actor="agent:alice")


def test_a_later_checkpoint_is_proved_to_hold_an_earlier_one(memory: Memory) -> None:
    with memory:
        for number in range(300):
            memory.add(f"Memory {number}.", scope="acme/a")
            if number == 100:
                earlier = memory.checkpoint()
        proof = memory.prove_consistency(earlier)
        key = memory.verifier_key()
        assert (proof.old_size, proof.checkpoint.size) == (101, 300)
        assert proof.verify(earlier.root, key)
        assert not proof.verify(memory.checkpoint().root, key)
        assert not proof.verify("no root", key)


def test_another_vaults_key_proves_nothing(memory: Memory, tmp_path: Path) -> None:
    with memory, Memory(tmp_path / "other", actor="agent:eve") as other:
        receipt = memory.add("Memory.", scope="acme/a")
        proof = memory.prove(receipt.event_id)
        assert proof.verify(memory.verifier_key())
        assert not proof.verify(other.verifier_key())


def test_a_log_is_not_proved_to_hold_more_than_it_does(memory: Memory) -> None:
    with memory:
        memory.add("Memory.", scope="acme/a")
        with pytest.raises(NotFound, match="1 records, not 7"):
            memory.prove_consistency(7)


def test_usage_folded_again_has_the_same_digest(memory: Memory) -> None:
    with memory:
        receipts = [memory.add(f"Pottery {n}.", scope="acme/a") for n in range(5)]
        before = memory.usage_digest()
        for receipt in receipts[:3]:
            memory.get(receipt.cube_id)
        memory.search("pottery", scope="acme")
        used = memory.usage_digest()
        assert used != before
        memory.rebuild()
        assert memory.usage_digest() == used


def test_what_a_proof_says_of_its_event_is_read_from_the_leaf_that_it_proves(
    memory: Memory,
) -> None:
    with memory:
        receipt = memory.add("Pottery on Tuesdays.", scope="acme/a")
        (entry,) = memory.events()
        proof, key = memory.prove(receipt.event_id), memory.verifier_key()
        told = (proof.event_id, proof.kind, proof.actor, proof.cube_id, proof.scope)
        logged = (entry.event_id, entry.kind, entry.actor, entry.cube_id, entry.scope)
        assert told == logged
        assert (proof.position, proof.log_time) == (entry.position, entry.log_time)
        event = decode(proof.record)
        event.actor = "agent:eve"
        forged = replace(proof, record=event.SerializeToString())
        assert (proof.verify(key), forged.verify(key)) == (True, False)
        assert b"Pottery" not in proof.record


def test_a_proof_of_an_erased_memory_shows_its_envelope_and_opens_nothing(memory: Memory) -> None:
    with memory:
        receipt = memory.add("Pottery on Tuesdays.", scope="acme/a", subject="ann")
        memory.erase(subject="ann")
        proof = memory.prove(receipt.event_id)
        assert proof.verify(memory.verifier_key())
        envelope = decode(proof.record)
        envelope.ClearField("body")
        assert b"Tuesdays" not in proof.record
        assert b"ann" not in envelope.SerializeToString()


def proves_only_itself(
    proof: Any, names: Iterable[str], key: str, verify: Callable[[Any, Any], bool]
) -> None:
    """With an odd value in a field, or by an odd key, it proves nothing; no other error is raised."""
    assert verify(proof, key)
    for name in names:
        for odd, value in ODD.items():
            assert verify(replace(proof, **{name: value}), key) is False, f"{name}={odd}"
    for odd, value in ODD.items():
        try:
            assert verify(proof, value) is False, f"by a key that is {odd}"
        except InvalidInput:
            assert type(value) is not str


def test_an_odd_field_or_key_proves_nothing(memory: Memory) -> None:
    def names(proof: Any) -> list[str]:
        return [field.name for field in fields(proof)]

    with memory:
        memory.add("Before.", scope="acme/a")
        earlier = memory.checkpoint()
        receipt = memory.add("A memory.", scope="acme/a")
        proof, grown = memory.prove(receipt.event_id), memory.prove_consistency(earlier)
        erased, key = memory.erase(cube_id=receipt.cube_id), memory.verifier_key()
    proves_only_itself(proof, names(proof), key, lambda of, by: bool(of.verify(by)))
    proves_only_itself(
        proof.checkpoint,
        names(proof.checkpoint),
        key,
        lambda of, by: replace(proof, checkpoint=of).verify(by),
    )
    proves_only_itself(grown, names(grown), key, lambda of, by: bool(of.verify(earlier.root, by)))
    proves_only_itself(grown, (), earlier.root, lambda of, by: bool(of.verify(by, key)))
    proves_only_itself(erased, [*SIGNED, "note"], key, lambda of, by: bool(of.verify(by)))


def test_a_receipt_is_of_its_own_artefacts_and_of_no_others(memory: Memory) -> None:
    with memory:
        cube = memory.add("A memory.", scope="acme/a", subject="ann").cube_id
        receipt, key = memory.erase(cube_id=cube), memory.verifier_key()
    assert receipt.verify(key)
    for place, artefact in enumerate(receipt.artefacts):
        words = f"{artefact.kind} {artefact.name}".split(" ")
        for cut in range(1, len(words)):
            other = replace(artefact, kind=" ".join(words[:cut]), name=" ".join(words[cut:]))
            artefacts = (*receipt.artefacts[:place], other, *receipt.artefacts[place + 1 :])
            assert replace(receipt, artefacts=artefacts).verify(key) is (other == artefact)
