from __future__ import annotations

from contextlib import closing
from pathlib import Path

import apsw
import pytest

from memos import Damaged, Memory
from memos.operation.commands.chosen import TITLE_LENGTH, title_of
from memos.operation.search.selection import Selection

ALICE = "agent:alice"


def test_a_memory_that_cannot_be_read_is_matched_by_no_guess(tmp_path: Path) -> None:
    vault = tmp_path / "team.vault"
    with Memory(vault, actor=ALICE) as memory:
        lost, kept = (memory.add(text, scope="acme/a", tags=[text]).cube_id for text in "ab")
    with closing(apsw.Connection(str(vault / "memos.db"))) as connection:
        sql = "UPDATE cube_key SET wrapped = zeroblob(60) WHERE hex(cube_id) = ?"
        connection.execute(sql, (lost.replace("-", "").upper(),))
    with Memory(vault, actor=ALICE) as memory:
        with pytest.raises(Damaged, match="nobody can tell, and nothing was changed"):
            memory.archive_many(scope="acme", filter={"tags": "b"})
        plan = memory.archive_many(scope="acme", dry_run=True)
        assert [one.title for one in plan.memories] == ["", "b"]
        assert [one.title for one in memory.archive_many([kept]).memories] == ["b"]


def test_a_vocabulary_is_no_memory_of_a_scope_and_is_changed_by_its_id(tmp_path: Path) -> None:
    with Memory(tmp_path / "team.vault", actor=ALICE) as memory:
        memory.add("one", scope="acme/a")
        tags = memory.set_vocabulary("acme/a", ["home"]).cube_id
        assert tags not in {one.cube_id for one in memory.archive_many(scope="acme").memories}
        assert memory.vocabulary("acme/a").tags == ("home",)
        memory.archive_many([tags])
        assert memory.vocabulary("acme/a").tags == ()


def test_a_title_is_one_line_and_not_long() -> None:
    assert title_of("a\n\n  b\u2028c") == "a b c"
    assert title_of("word " * 100_000).endswith("…")
    assert len(title_of("word " * 100)) == TITLE_LENGTH


def test_of_ids_that_no_memory_has_left_the_error_speaks_of_ids() -> None:
    ids_of = [f"00000000-0000-7000-8000-00000000000{n}" for n in range(2)]
    named = [str(Selection(cube_ids=ids)) for ids in (ids_of[:1], ids_of)]
    assert named == ["the id that is named", "any of the 2 ids that are named"]
