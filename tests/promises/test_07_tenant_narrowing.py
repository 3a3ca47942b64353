from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from memos import Denied, Memory

VAULT_WIDE: dict[str, Callable[[Memory], object]] = {
    "stats": lambda memory: memory.stats(),
    "cuts": lambda memory: memory.cuts(),
    "name_cut": lambda memory: memory.name_cut("now"),
    "digest": lambda memory: memory.digest(),
    "verify": lambda memory: memory.verify(),
    "audit": lambda memory: memory.audit(),
    "rebuild": lambda memory: memory.rebuild(),
    "usage_digest": lambda memory: memory.usage_digest(),
    "prove_consistency": lambda memory: memory.prove_consistency(0),
    "checkpoint": lambda memory: memory.checkpoint(),
    "prove": lambda memory: memory.prove("0" * 8 + "-0000-0000-0000-" + "0" * 12),
}


@pytest.mark.parametrize("operation", VAULT_WIDE)
def test_a_caller_of_one_tenant_learns_nothing_of_the_whole_vault(
    tmp_path: Path, operation: str
) -> None:
    with Memory(tmp_path / "team.vault", actor="agent:root") as memory:
        memory.add("A secret of another company.", scope="other/room")
    with (
        Memory(tmp_path / "team.vault", actor="agent:alice", tenant="acme") as narrowed,
        pytest.raises(Denied, match="whole vault"),
    ):
        VAULT_WIDE[operation](narrowed)
