"""What is written in any script is found, whatever is joined to a word, and signs keep their meaning."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memos import Memory
from tests.operation.search.languages import CASES, MOST_MISSED


@pytest.fixture(scope="module")
def memory(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    place: Path = tmp_path_factory.mktemp("languages")
    texts = dict.fromkeys(text for case in CASES for text in (case.other, case.wanted))
    with Memory(place / "vault") as opened:
        opened.add_many([{"text": text, "scope": "acme"} for text in texts])
        yield opened


def test_the_table_has_a_hundred_queries_in_twenty_scripts() -> None:
    assert len(CASES) >= 100
    assert len({case.script for case in CASES} - {"Signs", "Numbers"}) >= 20


def test_nearly_every_query_finds_its_text_first(memory: Memory) -> None:
    missed = [
        f"{case.script}: {case.query}"
        for case in CASES
        if [hit.text for hit in memory.search(case.query, scope="acme", k=1)] != [case.wanted]
    ]
    assert len(missed) <= MOST_MISSED, missed
