"""Generated cases of facts that changed: what is true now, what was known then, what was true then.

A case is one scope: facts in the order of the log, each with the time from which it was true, and
questions. Facts belong to slots (whose, what, and where needed which one). The answer to a question
follows from the facts alone: of the facts of its slot that were known and had begun, the one that
began last; of two that began together, the one written last, for a correction begins where the
error did. Around every case stand facts of other slots: the same attribute of others, also newer,
other attributes of the same subject, and an old value mentioned later in passing.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from benchmarks.supersession_kinds import ASKED, KINDS, OTHER, START, Fact
from benchmarks.supersession_words import ATTRIBUTES, Attribute, fill

PER_KIND = 42
"""Cases of each kind: every attribute three times."""


@dataclass(frozen=True)
class Question:
    """A question and the text that must come first.

    `about` is `current`, `as_of` (when the first `known` facts of the log were known) or `valid_at`
    (what was true at `at`).
    """

    about: str
    text: str
    expected: str
    known: int = 0
    at: datetime | None = None


@dataclass(frozen=True)
class Case:
    """One scope of facts, in log order, and what is asked of it."""

    name: str
    kind: str
    facts: tuple[Fact, ...]
    questions: tuple[Question, ...]


def cases(per_kind: int = PER_KIND, seed: int = 1) -> Iterator[Case]:
    """All cases; the same for the same arguments."""
    for kind, make in KINDS.items():
        for number in range(per_kind):
            rng = random.Random(f"{seed} {kind} {number}")
            attribute = ATTRIBUTES[number % len(ATTRIBUTES)]
            subject = rng.choice(attribute.subjects)
            draft = make(rng, attribute, subject)
            facts = _among_others(rng, attribute, subject, draft.facts)
            questions = tuple(_questions(rng, facts, draft.question))
            yield Case(f"{kind}-{number:02}", kind, tuple(facts), questions)


def answer(facts: list[Fact], slot: str, at: datetime | None = None) -> Fact | None:
    """Of the facts of a slot, told in this order, the one that is true (at a time)."""
    begun = [
        (fact.valid_from, number, fact)
        for number, fact in enumerate(facts)
        if fact.slot == slot and (at is None or fact.valid_from <= at)
    ]
    return max(begun)[2] if begun else None


def _questions(rng: random.Random, facts: list[Fact], asked: str) -> Iterator[Question]:
    """The current value, and where there was another: what was known, and what was true."""
    now = answer(facts, ASKED)
    assert now is not None, "a slot has a fact"
    yield Question("current", asked, now.text)
    known = [
        (count, then.text)
        for count in range(1, len(facts))
        if (then := answer(facts[:count], ASKED)) is not None and then.text != now.text
    ]
    if known:
        count, text = rng.choice(known)
        yield Question("as_of", asked, text, known=count)
    times = sorted({fact.valid_from for fact in facts if fact.slot == ASKED})
    true = [
        (at, then.text)
        for at in (begun + timedelta(days=1) for begun in times)
        if (then := answer(facts, ASKED, at)) is not None and then.text != now.text
    ]
    if true:
        at, text = rng.choice(true)
        yield Question("valid_at", asked, text, at=at)


def _among_others(
    rng: random.Random, attribute: Attribute, subject: str, facts: list[Fact]
) -> list[Fact]:
    """Facts of other slots before, between and after those of the case, in log order."""
    others = [name for name in attribute.subjects if name != subject]
    rng.shuffle(others)
    last = max(fact.valid_from for fact in facts)
    extra: list[Fact] = []
    for number, other in enumerate(others[:3]):
        value, newer = rng.sample(attribute.values, 2)
        at = START + timedelta(days=rng.randrange(400))
        text = fill(rng.choice(attribute.states), other, value)
        extra.append(Fact(text, at, f"{OTHER} {other}"))
        if number == 0:  # newer than all, so recency alone is misled
            changed = fill(rng.choice(attribute.changes), other, newer, value)
            extra.append(Fact(changed, last + timedelta(days=40), f"{OTHER} {other}"))
    for about in rng.sample([each for each in ATTRIBUTES if each.person == attribute.person], 4):
        if about.name != attribute.name:
            text = fill(rng.choice(about.states), subject, rng.choice(about.values))
            at = last + timedelta(days=rng.randrange(-200, 60))
            extra.append(Fact(text, at, f"{OTHER} {about.name}"))
    return _interleave(rng, facts, extra)


def _interleave(rng: random.Random, facts: list[Fact], extra: list[Fact]) -> list[Fact]:
    """Both in their own order; what `update` points at moves along."""
    places = sorted(rng.randrange(len(extra) + 1) for _ in facts)
    merged: list[Fact] = []
    moved: dict[int, int] = {}
    rest = iter(enumerate(extra))
    for number, (place, fact) in enumerate(zip(places, facts, strict=True)):
        while len(merged) - number < place:
            merged.append(next(rest)[1])
        moved[number] = len(merged)
        merged.append(replace(fact, of=moved[fact.of]) if fact.via == "update" else fact)
    return merged + [fact for _, fact in rest]
