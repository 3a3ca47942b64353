"""Slots: what a text claims of attributes that have one value at a time.

A slot is (subject, attribute, qualifier): `Ana's work phone is 5` fills (ana, phone, work). Claims
are proposals: they decide in which order memories are shown and change none. The patterns are
English: possessives (`Ana's tutor is Leo`, `the tutor of Ana is Leo`, `my tutor is Leo`), classes
of verbs (`Ana moved to Oslo`), roles (`chose Leo as her tutor`), and changes that do not say of
what (`Ana left A for B`), which whoever ranks joins to a slot by their values.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memos.language.english.slot_phrases import Words, subject_of, value, words_of
from memos.language.english.slot_reader import open_verb, read_clause
from memos.language.english.slot_words import ADVERBS, AUX, TRIGGERS, VERBS
from memos.language.port import SELF, Claim

LONGEST_TEXT = 20_000
"""Characters of a text that are looked at."""

_ENDS = frozenset(".;:!?\n,")


def claims(text: str, speaker: str = "") -> list[Claim]:
    """What a text claims, in its order, each claim once.

    Args:
        text: at most LONGEST_TEXT characters of it are looked at.
        speaker: who speaks in the first person; nobody named where it is empty.
    """
    voice = subject_of(speaker) or SELF
    claimed: dict[Claim, None] = {}
    subject = ""
    clauses = list(_clauses(text[:LONGEST_TEXT]))
    for number, (words, raw) in enumerate(clauses):
        if TRIGGERS.isdisjoint(words) and not open_verb(words, raw):
            continue
        for claim in read_clause(words, raw, voice, subject):
            if not (claim.new or claim.old) and number + 1 < len(clauses):
                claimed[claim._replace(new=_apposed(clauses[number + 1][0]))] = None
            else:
                claimed[claim] = None
            subject = claim.subject
    return list(claimed)


def sentence_of(claim: Claim) -> str:
    """A claim as a sentence that claims the same; empty where it names no value or attribute."""
    kind, colon, name = claim.attribute.partition(":")
    if not claim.new or not claim.attribute or kind == "verb":
        return ""
    attribute = f"{kind} {name}" if colon else kind
    whose = "My" if claim.subject == SELF else f"{claim.subject.title()}'s"
    return " ".join(filter(None, (whose, claim.qualifier, attribute, "is", claim.new))) + "."


def _apposed(words: Words) -> str:
    """What is set behind a claim as its value: `a new gym, Iron Yard`."""
    return value(words) if len(words) <= 4 and words[0] not in ("not", "no") else ""


def _clauses(text: str) -> Iterator[tuple[list[str], list[str]]]:
    """Clauses as (folded words, words as written); questions claim nothing."""
    words: list[str] = []
    raw: list[str] = []
    tokens = words_of(text)
    for number, (word, token) in enumerate(tokens):
        if word in _ENDS or (
            word in ("and", "but") and _verb_follows(tokens[number + 1 : number + 4])
        ):
            if words and word != "?":
                yield words, raw
            carried = word in ("and", "but") and bool(words)
            subject = _subject_end(words) if carried else 0
            words, raw = (words[:subject], raw[:subject]) if carried else ([], [])
        else:
            words.append(word)
            raw.append(token)
    if words:
        yield words, raw


def _verb_follows(tokens: Sequence[tuple[str, str]]) -> bool:
    for word, _ in tokens:
        if word not in ADVERBS:
            return word in VERBS or word in AUX or word in ("gave", "took", "went")
    return False


def _subject_end(words: Words) -> int:
    """Where the verb of a clause begins; 0 where there is none."""
    for at, word in enumerate(words[:8]):
        if at and (word in AUX or word in VERBS or word in ADVERBS):
            return at
    return 0
