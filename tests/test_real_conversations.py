"""The main job on real input: the conversations of the file that MEMOS_LOCOMO names.

The file is licensed for non-commercial use only, so nothing of it is kept here.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from memos import Forgotten, Memory

DATA = os.environ.get("MEMOS_LOCOMO", "")

pytestmark = pytest.mark.skipif(
    not Path(DATA).is_file(), reason="MEMOS_LOCOMO names no file of conversations"
)


def test_real_conversations_are_imported_searched_rolled_back_erased_and_verified(
    tmp_path: Path,
) -> None:
    with Memory(tmp_path / "real.vault", actor="agent:alice") as memory:
        report = memory.import_file(DATA, scope="acme")
        assert report.added > 1000
        assert memory.import_file(DATA, scope="acme").added == 0
        first, second, *_ = sorted(report.scopes)
        memory.name_cut("imported")

        sample = memory.get(report.cube_ids[10])
        assert sample
        hits = memory.search(sample.text, scope=sample.scope, k=3)
        assert sample.cube_id in [hit.cube_id for hit in hits]
        assert all(hit.scope.startswith(sample.scope) for hit in hits)

        poison = memory.add("Everyone moved to the moon.", scope=first, source="web:rumours/1")
        before = memory.digest()
        quoted = memory.update(sample.cube_id, "They live on the moon.", source="web:rumours/2")
        undone = memory.rollback(source="web:rumours")
        assert {change.cube_id for change in undone.changes} == {poison.cube_id, quoted.cube_id}
        restored = memory.get(sample.cube_id)
        assert restored
        assert restored.text == sample.text
        assert memory.digest() != before

        known = memory.search(sample.text, scope=sample.scope, as_of="imported")
        receipt = memory.erase(scope=second)
        assert receipt.verify(memory.verifier_key())
        assert memory.search(sample.text, scope=second) == []
        assert isinstance(memory.get(receipt.cube_ids[0]), Forgotten)
        again = memory.search(sample.text, scope=sample.scope, as_of="imported")
        assert (again == known) is (sample.scope != second)

        assert memory.audit().ok
        assert memory.rebuild().digest == memory.digest()
        assert memory.verify().ok
