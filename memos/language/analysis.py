"""What the index keeps of a memory: its words, when it was, and its place in a conversation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from functools import lru_cache

from memos.kernel.keyed_digest import keyed_digest
from memos.kernel.moment import OPEN
from memos.language.analyzer import Analyzer
from memos.language.indexed_text import (
    ASSISTANT,
    DATED,
    EXTRACTED,
    EXTRACTION,
    FURTHER,
    INSTRUCTS,
    PREFERS,
    QUESTION,
    IndexedText,
    Place,
    Readable,
    Validity,
)
from memos.language.port import SELF, Claim, Language
from memos.language.sentences import ends_as_question
from memos.language.spellings import letter_spellings

_EPOCH = date(1970, 1, 1)
STANDING = (INSTRUCTS, PREFERS)
"""The kinds of what a user wants from then on."""

_ASSISTANT_ROLES = frozenset({"assistant", "system", "tool"})


@lru_cache(maxsize=1024)
def analyzer_of(tenant_key: bytes) -> Analyzer:
    """The analyzer whose terms only this tenant's key holder can make."""
    return Analyzer(keyed_digest(tenant_key, b"terms", b""))


def analyse(tenant_key: bytes, memory: Readable) -> IndexedText:
    """What the index keeps of a memory, its terms under the tenant's key."""
    return index_memory(analyzer_of(tenant_key), memory)


def index_memory(analyzer: Analyzer, memory: Readable) -> IndexedText:
    """Terms of a memory's text, caption and date, and unranked ones of its tags and claims."""
    text = _indexed_text(analyzer.language, memory)
    indexed = analyzer.index_terms(text)
    terms = indexed.terms
    if memory.tags:
        terms = {**terms, **{analyzer.exact_term("tag", tag): 0 for tag in memory.tags}}
    turn = memory.turn
    speaker, role = ("", "") if turn is None else (turn.speaker, turn.role)
    claimed = claims_of(analyzer.language, memory.text, speaker, role)
    if claimed:
        terms = {**terms, **dict.fromkeys(terms_of(analyzer, claimed), 0)}
    further = analyzer.further_terms(text, terms)
    # Two who talk to each other instruct nobody; a user, and who writes a note, do.
    wanted = analyzer.language.standing(memory.text) if turn is None or role == "user" else 0
    if wanted:
        kinds = (kind for kind in STANDING if wanted & kind)
        further = {FURTHER: 0, **further, **{standing_term(analyzer, kind): 0 for kind in kinds}}
    if further:
        terms = {**terms, **further}
    return IndexedText(terms, indexed.length, _place(analyzer, memory), _validity(memory))


def claims_of(language: Language, text: str, speaker: str, role: str) -> list[Claim]:
    """The claims of a text; what users claim of themselves is also claimed of the first person."""
    if role in _ASSISTANT_ROLES:
        return language.claims(text, speaker or "assistant")
    claims = language.claims(text, speaker)
    if role == "user" and (name := language.subject_of(speaker)) != SELF:
        claims += [claim._replace(subject=SELF) for claim in claims if claim.subject == name]
    return claims


def _indexed_text(language: Language, memory: Readable) -> str:
    """What is indexed: the text, its picture's caption, and in words the day that it is from."""
    parts = [memory.text]
    turn = memory.turn
    if turn is not None and turn.caption:
        parts.append(turn.caption)
    at = _stated_time(memory)
    if at is not None:
        parts.append(_day_words(language, at))
    return "\n".join(parts) if len(parts) > 1 else memory.text


def _day_words(language: Language, at: int) -> str:
    """The day of a time in UTC, in words; empty where the calendar does not reach."""
    try:
        day = _EPOCH + timedelta(microseconds=at)
    except OverflowError:
        return ""
    return language.day_words(day)


def slot_term(analyzer: Analyzer, subject: str, attribute: str, qualifier: str) -> int:
    """The term of a slot; without an attribute that of changes which do not say what changed."""
    return analyzer.exact_term("slot", f"{subject}|{attribute}|{qualifier if attribute else ''}")


def standing_term(analyzer: Analyzer, kind: int) -> int:
    """The term of what a user wants from then on: INSTRUCTS or PREFERS."""
    return analyzer.exact_term("standing", str(kind))


def terms_of(analyzer: Analyzer, claims: Sequence[Claim]) -> set[int]:
    """The terms of claims."""
    return {slot_term(analyzer, *claim[:3]) for claim in claims}


def speaker_term(analyzer: Analyzer, name: str) -> int:
    """What stands for a speaker: their first name, folded; 0 for nobody."""
    words = analyzer.words(name)
    return analyzer.exact_term("speaker", words[0]) if words else 0


def speaker_names(analyzer: Analyzer, words: Sequence[str]) -> dict[int, str]:
    """What may stand for a speaker whom one of some folded words names, whichever letters each is
    written with; and the word.
    """
    spelt = {spelling: word for word in words for spelling in letter_spellings(word)}
    return {analyzer.exact_term("speaker", name): word for name, word in spelt.items()}


def _stated_time(memory: Readable) -> int | None:
    """When a turn was said, or else from when the text holds; None where neither is stated."""
    turn = memory.turn
    return turn.at if turn is not None and turn.HasField("at") else memory.valid_from


def _validity(memory: Readable) -> Validity:
    start = memory.valid_from if memory.valid_from is not None else _stated_time(memory)
    end = memory.valid_until
    return Validity(memory.learned if start is None else start, OPEN if end is None else end)


def _place(analyzer: Analyzer, memory: Readable) -> Place:
    traits = QUESTION if ends_as_question(memory.text) else 0
    traits |= analyzer.language.traits(memory.text)
    if memory.valid_from is not None:
        traits |= DATED
    if memory.origin == EXTRACTION:
        traits |= EXTRACTED
    turn = memory.turn
    if turn is None:
        return Place(traits=traits)
    if turn.role in _ASSISTANT_ROLES:
        traits |= ASSISTANT
    session = analyzer.exact_term("session", f"{turn.conversation}\n{turn.session}")
    return Place(session, turn.number, speaker_term(analyzer, turn.speaker), traits)
