from __future__ import annotations

from pathlib import Path

import pytest

from memos import Memory, NotFound


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
