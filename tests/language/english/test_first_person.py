from __future__ import annotations

import pytest

from memos.language.english.first_person import first_person


@pytest.mark.parametrize(
    ("query", "spoken"),
    [
        ("When did Ana go?", "When did I go?"),
        ("What is Ana's dog called?", "What is my dog called?"),
        ("What is Ana’s dog called?", "What is my dog called?"),
        ("Anas Ana-Lena Leo", "Anas Ana-Lena Leo"),
        ("", ""),
    ],
)
def test_a_speaker_is_spoken_of_in_the_first_person(query: str, spoken: str) -> None:
    assert first_person(query, "Ana".__eq__) == spoken
