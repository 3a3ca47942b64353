"""The phrases of sentences about slots: words, names, nouns, values, and whose they are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from memos.language.english.slot_words import (
    ADVERBS,
    AUX,
    DETERMINERS,
    FAVOURITE,
    GENERIC,
    LIGHT,
    NOUNS,
    PREPOSITIONS,
    SET_NOUNS,
    word_set,
)
from memos.language.letters import fold
from memos.language.port import ANY_FAVOURITE, SELF

_TOKEN = re.compile(r"[^\W_][\w&@+/-]*(?:[.'’][\w&@+-]+)*|[.,;:!?\n]")
_TITLE = re.compile(r"\b(Dr|Mr|Mrs|Ms|Prof|St)\.")
_CLITICS = {"'m": "am", "'re": "are", "'ve": "have", "'ll": "will", "'d": "would"}
_IS = word_set("it he she that this there what where who how when")
_TITLES = frozenset(["dr", "mr", "mrs", "ms", "prof", "miss"])
_FIRST = word_set("i me my mine we us our user")
_THIRD = frozenset(["he", "she", "his", "her", "they", "their"])
NOBODY = word_set(
    "it its this that these those there you your someone somebody everyone everybody who what "
    "which where when why how if people anyone anybody nobody nothing something"
)
_STOPS_VALUE = word_set(
    "and but because since with when while where after before again instead now any anymore "
    "so although though last this these from once too for by as than not no longer"
)


class Noun(NamedTuple):
    """A noun phrase as a slot: what it names, its qualifier, and the value that stands behind."""

    attribute: str
    qualifier: str
    value: str


Words = Sequence[str]


def words_of(text: str) -> list[tuple[str, str]]:
    """The folded words of a text, each with how it is written; clitics stand apart."""
    if "." in text:
        text = _TITLE.sub(r"\1", text)
    if text.isascii() and "'" not in text:
        tokens = _TOKEN.findall(text)
        return list(zip(map(str.lower, tokens), tokens, strict=True))
    pairs: list[tuple[str, str]] = []
    for token in _TOKEN.findall(text):
        word = token.lower() if token.isascii() else fold(token)
        head, mark, clitic = word.partition("'")
        if mark and clitic == "s":
            pairs += [(head, token[: len(head)]), (("is", "is") if head in _IS else ("'s", "'s"))]
        elif mark and mark + clitic in _CLITICS:
            pairs += [(head, token[: len(head)]), (_CLITICS[mark + clitic],) * 2]
        else:
            pairs.append((word, token))
    return pairs


@lru_cache(maxsize=4096)
def subject_of(name: str) -> str:
    """What stands for a subject: its first word, folded."""
    words = [word for word, _ in words_of(name)]
    if not words or words[0] in {"user", "me", "human"}:
        return SELF if words else ""
    return words[0]


def value(words: Words) -> str:
    """A value's words, without determiners and what only follows it."""
    kept: list[str] = []
    for word in words:
        if kept and word in _STOPS_VALUE:
            break
        if not kept and word in PREPOSITIONS:
            continue
        if word not in DETERMINERS and word not in ADVERBS and word not in LIGHT:
            kept.append(word)
    return " ".join(kept[:8])


def noun(words: Words) -> Noun | None:
    """The slot that a noun phrase names; None where it names none, or a set."""
    words = [word for word in words if word not in DETERMINERS]
    favourite = not FAVOURITE.isdisjoint(words)
    words = [word for word in words if word not in LIGHT and word not in FAVOURITE]
    if not words:
        return Noun(ANY_FAVOURITE, "", "") if favourite else None
    for at in reversed(range(len(words))):
        for size in (2, 1):
            name = " ".join(words[at - size + 1 : at + 1])
            if at >= size - 1 and name in NOUNS:
                attribute = f"{ANY_FAVOURITE}{name}" if favourite else NOUNS[name]
                return _noun(attribute, words[: at - size + 1], words[at + 1 :])
    if words[-1] in SET_NOUNS or words[-1] in GENERIC or is_plural(words[-1]):
        return None
    return _noun(f"{ANY_FAVOURITE}{words[-1]}" if favourite else words[-1], words[:-1], ())


def _noun(attribute: str, before: Words, after: Words) -> Noun | None:
    if len(before) > 2 or len(after) > 5 or not PREPOSITIONS.isdisjoint(before):
        return None
    return Noun(attribute, " ".join(before), value(after))


def is_plural(word: str) -> bool:
    """Whether a noun that is not listed looks like several."""
    return word.endswith("s") and not word.endswith(("ss", "us", "is"))


def owner(words: Words, voice: str, subject: str = "") -> tuple[str, str] | None:
    """Whom a noun phrase stands for, as (subject, qualifier): `Ana's dog` is (ana, dog)."""
    words = list(words)
    if "'s" in words:
        at = len(words) - 1 - words[::-1].index("'s")
        left = owner(words[:at], voice, subject)
        return None if left is None else _within(left, words[at + 1 :])
    if "of" in words:
        at = words.index("of")
        left = owner(words[at + 1 :], voice, subject)
        return None if left is None else _within(left, words[:at])
    if words and words[0] in ("my", "our"):
        return _within((voice, ""), words[1:])
    while words and (words[0] in DETERMINERS - _THIRD or words[0] in ADVERBS):
        words = words[1:]
    words = [word for word in words if word not in GENERIC and word not in _TITLES]
    if not words or len(words) > 3 or not NOBODY.isdisjoint(words) or words[0].isdigit():
        return None
    if words[0] in _THIRD:
        return (subject, "") if subject and len(words) == 1 else None
    if words[0] in _FIRST:
        return (voice if words[0] != "user" else SELF, "") if len(words) == 1 else None
    if not PREPOSITIONS.isdisjoint(words) or not AUX.isdisjoint(words) or "and" in words:
        return None
    return words[0], ""


def _within(left: tuple[str, str], words: Words) -> tuple[str, str] | None:
    kept = [
        word for word in words if word not in GENERIC | DETERMINERS | LIGHT and word not in ADVERBS
    ]
    if len(kept) > 3:
        return None
    return left[0], " ".join([*left[1].split(), *kept])
