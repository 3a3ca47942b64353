from __future__ import annotations

from memos.language.english.traits import traits
from memos.language.indexed_text import COUNTED, TIMED


def test_texts_that_speak_of_times_and_numbers_are_known() -> None:
    assert traits("I went yesterday.") == TIMED
    assert traits("In March, we sang.") == TIMED
    assert traits("We march on.") == 0
    assert traits("She has two dogs.") == COUNTED
    assert traits("It was 3 weeks ago.") == TIMED | COUNTED
    assert traits("") == 0
