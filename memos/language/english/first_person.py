"""A query asked in the first person, as a speaker would say its answer."""

from __future__ import annotations

import re
from collections.abc import Callable

_NAME = re.compile(r"([^\W_]+(?:-[^\W_]+)*)(['’]s(?![^\W_]))?")


def first_person(query: str, is_speaker: Callable[[str], bool]) -> str:
    """A query with the names of speakers as `I`, and `Name's` as `my`.

    Args:
        query: what is asked.
        is_speaker: whether a word, as written and without its `'s`, names a speaker.
    """

    def pronoun(match: re.Match[str]) -> str:
        if not is_speaker(match[1]):
            return match[0]
        return "my" if match[2] else "I"

    return _NAME.sub(pronoun, query)
