"""An analysis that has a fault with a text: nothing of it is written, and the error names it."""

from __future__ import annotations

from pathlib import Path

import pytest

from memos import Memory, VaultError
from memos.language import analysis
from memos.language.analysis import analyse
from memos.language.indexed_text import IndexedText, Readable

POISON = "This text about pottery is poison."


def failing(tenant_key: bytes, memory: Readable) -> IndexedText:
    if "poison" in memory.text:
        raise RecursionError(memory.text)
    return analyse(tenant_key, memory)


def test_a_write_whose_text_cannot_be_analysed_is_refused_aloud_and_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory(tmp_path / "a.vault", actor="agent:alice") as memory:
        memory.add("She likes pottery.", scope="acme")
        monkeypatch.setattr(analysis, "analyse", failing)
        with pytest.raises(VaultError, match=r"cannot be analysed \(RecursionError\)") as refused:
            memory.add(POISON, scope="acme")
        assert "poison" not in str(refused.value)
        assert len(list(memory.events())) == 1
        memory.add("He likes pottery.", scope="acme")
        assert memory.verify().ok


def test_a_rebuild_that_cannot_analyse_a_text_leaves_the_vault_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Memory(tmp_path / "a.vault", actor="agent:alice") as memory:
        poison = memory.add(POISON, scope="acme")
        monkeypatch.setattr(analysis, "analyse", failing)
        with pytest.raises(VaultError, match=f"memory {poison.cube_id}, record 0:0"):
            memory.rebuild()
        assert [hit.text for hit in memory.search("pottery", scope="acme")] == [POISON]
