"""What the index keeps of a memory: its words, when it was, and its place in a conversation."""

from __future__ import annotations

from datetime import timedelta

from memos.infrastructure.index.port import ASSISTANT, NO_PLACE, QUESTION, IndexedText, Place
from memos.infrastructure.projector import Readable
from memos.operation.analysis import Analyzer
from memos.operation.cubes import EPOCH

_ASSISTANT_ROLES = frozenset({"assistant", "system", "tool"})


def index_memory(analyzer: Analyzer, memory: Readable) -> IndexedText:
    """Terms of a memory's text, caption and date; its tags as terms that are never ranked."""
    indexed = analyzer.index_terms(_indexed_text(memory))
    terms = indexed.terms
    if memory.tags:
        terms = {**terms, **{analyzer.exact_term("tag", tag): 0 for tag in memory.tags}}
    return IndexedText(terms, indexed.length, _place(analyzer, memory))


def _indexed_text(memory: Readable) -> str:
    """The text with what a picture shows and, in words, the day that it is from."""
    parts = [memory.text]
    turn = memory.turn
    if turn is not None and turn.caption:
        parts.append(turn.caption)
    at = turn.at if turn is not None and turn.HasField("at") else memory.valid_from
    if at is not None:
        parts.append(day_words(at))
    return "\n".join(parts) if len(parts) > 1 else memory.text


def day_words(at: int) -> str:
    """A day as people write it, `8 May 2023`, in UTC; empty where the calendar does not reach."""
    try:
        day = EPOCH + timedelta(microseconds=at)
    except OverflowError:
        return ""
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


_MONTHS = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)


def speaker_term(analyzer: Analyzer, name: str) -> int:
    """What stands for a speaker: their first name, folded; 0 for nobody."""
    words = analyzer.words(name)
    return analyzer.exact_term("speaker", words[0]) if words else 0


def _place(analyzer: Analyzer, memory: Readable) -> Place:
    traits = QUESTION if memory.text.rstrip().endswith(("?", "？", "؟")) else 0
    turn = memory.turn
    if turn is None:
        return Place(traits=traits) if traits else NO_PLACE
    if turn.role in _ASSISTANT_ROLES:
        traits |= ASSISTANT
    session = analyzer.exact_term("session", f"{turn.conversation}\n{turn.session}")
    return Place(session, turn.number, speaker_term(analyzer, turn.speaker), traits)
