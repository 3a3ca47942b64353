from __future__ import annotations

import pytest

from memos.language.english.question_kinds import question_kind


@pytest.mark.parametrize(
    ("query", "kind"),
    [
        ("When did Ana go?", "when"),
        ("Which year was it?", "when"),
        ("How long ago was that?", "when"),
        ("How many dogs has she?", "count"),
        ("Where does she live?", "where"),
        ("Which city is it?", "where"),
        ("To whom did she write?", "who"),
        ("Why?", "why"),
        ("How did it go?", "how"),
        ("What is it?", "what"),
        ("What did she say when asked?", "what"),
        ("pottery in Sweden", ""),
    ],
)
def test_the_kind_of_a_question_is_that_of_its_first_word(query: str, kind: str) -> None:
    assert question_kind(query) == kind
