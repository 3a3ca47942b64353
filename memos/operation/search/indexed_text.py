"""What the index keeps of a memory: its words, when it was, and its place in a conversation."""

from __future__ import annotations

from datetime import timedelta

from memos.infrastructure.index.port import (
    ASSISTANT,
    DATED,
    EXTRACTED,
    OPEN,
    QUESTION,
    IndexedText,
    Place,
    Validity,
)
from memos.infrastructure.index.projection import Readable
from memos.operation.cube import EPOCH, MemCube
from memos.operation.english.calendar import MONTHS
from memos.operation.english.slot_phrases import SELF, Claim, name_of
from memos.operation.english.slots import claims
from memos.operation.english.traits import traits_of
from memos.operation.search.analyzer import Analyzer
from memos.operation.search.supersession import terms_of

EXTRACTION = "memos extraction"
"""The origin of a fact that was extracted behind the write."""

_ASSISTANT_ROLES = frozenset({"assistant", "system", "tool"})


def index_memory(analyzer: Analyzer, memory: Readable) -> IndexedText:
    """Terms of a memory's text, caption and date; its tags and claims as terms that are not ranked."""
    indexed = analyzer.index_terms(_indexed_text(memory))
    terms = indexed.terms
    if memory.tags:
        terms = {**terms, **{analyzer.exact_term("tag", tag): 0 for tag in memory.tags}}
    turn = memory.turn
    claimed = (
        _claims(memory.text, "", "")
        if turn is None
        else (_claims(memory.text, turn.speaker, turn.role))
    )
    if claimed:
        terms = {**terms, **dict.fromkeys(terms_of(analyzer, claimed), 0)}
    return IndexedText(terms, indexed.length, _place(analyzer, memory), _validity(memory))


def claims_of_cube(cube: MemCube) -> list[Claim]:
    """What a memory claims, as it was indexed."""
    told = cube.metadata
    return _claims(cube.text, str(told.get("speaker") or ""), str(told.get("role") or ""))


def _claims(text: str, speaker: str, role: str) -> list[Claim]:
    """The claims of a text; a user's own are also those of the first person, whatever the name."""
    if role in _ASSISTANT_ROLES:
        return claims(text, speaker or "assistant")
    found = claims(text, speaker)
    name = name_of(speaker)
    if role == "user" and name != SELF:
        found += [claim._replace(subject=SELF) for claim in found if claim.subject == name]
    return found


def _indexed_text(memory: Readable) -> str:
    """The text with what a picture shows and, in words, the day that it is from."""
    parts = [memory.text]
    turn = memory.turn
    if turn is not None and turn.caption:
        parts.append(turn.caption)
    at = _told_time(memory)
    if at is not None:
        parts.append(day_words(at))
    return "\n".join(parts) if len(parts) > 1 else memory.text


def day_words(at: int) -> str:
    """A day as people write it, `8 May 2023`, in UTC; empty where the calendar does not reach."""
    try:
        day = EPOCH + timedelta(microseconds=at)
    except OverflowError:
        return ""
    return f"{day.day} {MONTHS[day.month - 1]} {day.year}"


def speaker_term(analyzer: Analyzer, name: str) -> int:
    """What stands for a speaker: their first name, folded; 0 for nobody."""
    words = analyzer.words(name)
    return analyzer.exact_term("speaker", words[0]) if words else 0


def _told_time(memory: Readable) -> int | None:
    """When a turn was said, or from when a text holds, where that was told."""
    turn = memory.turn
    return turn.at if turn is not None and turn.HasField("at") else memory.valid_from


def _validity(memory: Readable) -> Validity:
    start = memory.valid_from if memory.valid_from is not None else _told_time(memory)
    end = memory.valid_until
    return Validity(memory.learned if start is None else start, OPEN if end is None else end)


def _place(analyzer: Analyzer, memory: Readable) -> Place:
    traits = QUESTION if memory.text.rstrip().endswith(("?", "？", "؟")) else 0
    traits |= traits_of(memory.text)
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
