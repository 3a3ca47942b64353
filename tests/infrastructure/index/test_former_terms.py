"""What an earlier release indexed is found by its words, is no damage, and is indexed anew by a rebuild."""

from __future__ import annotations

from pathlib import Path

import apsw
import pytest

from memos import Memory
from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.infrastructure.index.packed_terms import pack_terms
from memos.infrastructure.index.postings import as_indexed_then
from memos.language.indexed_text import FURTHER, IndexedText

THEN = IndexedText({5: 1, 7: 2, 9: 0}, 3)
NOW = IndexedText({**THEN.terms, FURTHER: 0, 11: 1}, 3)


def test_an_earlier_release_gave_what_stands_before_the_further_terms() -> None:
    then, now = pack_terms(THEN), pack_terms(NOW)
    assert as_indexed_then(then, now) == then
    assert as_indexed_then(now, now) == now
    assert as_indexed_then(then[:10], now) == then


@pytest.fixture
def vault(tmp_path: Path) -> Path:
    """A vault with one text as an earlier release indexed it, behind another."""
    path = tmp_path / "vault"
    with Memory(path) as memory:
        memory.add("The kiln is hot.", scope="acme")
        memory.add("Ewa mieszka w Łódź.", scope="acme")
    _cut(path, 10 * 4)
    return path


def _cut(path: Path, length: int) -> None:
    """Shorten the stored terms of the newest text."""
    with apsw.Connection(str(path / DATABASE_FILE)) as connection:
        connection.execute(
            "UPDATE index_doc SET terms = substr(terms, 1, ?)"
            " WHERE doc = (SELECT max(doc) FROM index_doc)",
            (length,),
        )
    connection.close()


def test_it_is_found_by_its_words_and_by_others_after_a_rebuild(vault: Path) -> None:
    with Memory(vault) as memory:
        assert len(memory.search("Łódź", scope="acme")) == 1
        assert memory.search("lodz", scope="acme") == []
        assert memory.audit().problems == ()
        memory.rebuild()
        assert len(memory.search("Łódź", scope="acme")) == 1
        assert len(memory.search("lodz", scope="acme")) == 1


def test_a_text_that_lacks_one_of_its_own_terms_is_damaged(vault: Path) -> None:
    _cut(vault, 10 * 3)
    with Memory(vault) as memory:
        told = {problem.what for problem in memory.audit().problems}
    assert any("index_doc" in text for text in told)
