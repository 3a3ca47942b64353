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
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from benchmarks.supersession_words import ATTRIBUTES, COLLECTIONS, PEOPLE, Attribute, fill

PER_KIND = 42
"""Cases of each kind: every attribute three times."""
_START = datetime(2019, 3, 4, 9, 0, tzinfo=UTC)
_DISTRACTOR = "other"


@dataclass(frozen=True)
class Fact:
    """A fact as it is told. `via` says how it is written.

    `add`; `update`, a new version of the memory of fact number `of`; or `turn`, said by `speaker`
    in a conversation.
    """

    text: str
    valid_from: datetime
    slot: str
    via: str = "add"
    of: int = -1
    speaker: str = ""


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


@dataclass
class _Draft:
    """What a kind makes of an attribute: the facts of one slot, and how to ask for it."""

    facts: list[Fact]
    question: str
    slot: str


_Kind = Callable[[random.Random, Attribute, str], _Draft]


def cases(per_kind: int = PER_KIND, seed: int = 1) -> Iterator[Case]:
    """All cases; the same for the same arguments."""
    for kind, make in KINDS.items():
        for number in range(per_kind):
            rng = random.Random(f"{seed} {kind} {number}")
            attribute = ATTRIBUTES[number % len(ATTRIBUTES)]
            subject = rng.choice(attribute.subjects)
            draft = make(rng, attribute, subject)
            facts = _among_others(rng, attribute, subject, draft.facts)
            questions = tuple(_questions(rng, facts, draft))
            yield Case(f"{kind}-{number:02}", kind, tuple(facts), questions)


def answer(facts: list[Fact], slot: str, at: datetime | None = None) -> Fact | None:
    """Of the facts of a slot, told in this order, the one that is true (at a time)."""
    begun = [
        (fact.valid_from, number, fact)
        for number, fact in enumerate(facts)
        if fact.slot == slot and (at is None or fact.valid_from <= at)
    ]
    return max(begun)[2] if begun else None


def _questions(rng: random.Random, facts: list[Fact], draft: _Draft) -> Iterator[Question]:
    """The current value, and where there was another: what was known, and what was true."""
    now = answer(facts, draft.slot)
    assert now is not None, "a slot has a fact"
    yield Question("current", draft.question, now.text)
    known = [
        (count, then.text)
        for count in range(1, len(facts))
        if (then := answer(facts[:count], draft.slot)) is not None and then.text != now.text
    ]
    if known:
        count, text = rng.choice(known)
        yield Question("as_of", draft.question, text, known=count)
    times = sorted({fact.valid_from for fact in facts if fact.slot == draft.slot})
    true = [
        (at, then.text)
        for at in (begun + timedelta(days=1) for begun in times)
        if (then := answer(facts, draft.slot, at)) is not None and then.text != now.text
    ]
    if true:
        at, text = rng.choice(true)
        yield Question("valid_at", draft.question, text, at=at)


def _dates(rng: random.Random, count: int) -> list[datetime]:
    """Rising times, two weeks to ten months apart."""
    found = [_START + timedelta(days=rng.randrange(300))]
    while len(found) < count:
        found.append(found[-1] + timedelta(days=rng.randrange(14, 300)))
    return found


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
        at = _START + timedelta(days=rng.randrange(400))
        text = fill(rng.choice(attribute.states), other, value)
        extra.append(Fact(text, at, f"{_DISTRACTOR} {other}"))
        if number == 0:  # newer than all, so recency alone is misled
            changed = fill(rng.choice(attribute.changes), other, newer, value)
            extra.append(Fact(changed, last + timedelta(days=40), f"{_DISTRACTOR} {other}"))
    for about in rng.sample([each for each in ATTRIBUTES if each.person == attribute.person], 4):
        if about.name != attribute.name:
            text = fill(rng.choice(about.states), subject, rng.choice(about.values))
            at = last + timedelta(days=rng.randrange(-200, 60))
            extra.append(Fact(text, at, f"{_DISTRACTOR} {about.name}"))
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


def _asked(rng: random.Random, attribute: Attribute, subject: str) -> str:
    return fill(rng.choice(attribute.questions), subject)


def _history(rng: random.Random, attribute: Attribute, subject: str, count: int) -> _Draft:
    """A state, and changes after it."""
    values = rng.sample(attribute.values, count)
    texts = [fill(rng.choice(attribute.states), subject, values[0])]
    texts += [
        fill(rng.choice(attribute.changes), subject, value, old)
        for old, value in zip(values, values[1:], strict=False)
    ]
    dates = _dates(rng, count)
    facts = [Fact(text, at, "asked") for text, at in zip(texts, dates, strict=True)]
    return _Draft(facts, _asked(rng, attribute, subject), "asked")


def _changed(rng: random.Random, attribute: Attribute, subject: str) -> _Draft:
    return _history(rng, attribute, subject, 2)


def _restated(rng: random.Random, attribute: Attribute, subject: str) -> _Draft:
    """The new value is told as a plain statement, with no cue that it replaces anything."""
    draft = _history(rng, attribute, subject, 2)
    value = rng.choice([value for value in attribute.values if value not in draft.facts[0].text])
    text = fill(rng.choice(attribute.states), subject, value)
    draft.facts[1] = replace(draft.facts[1], text=text)
    return draft


def _chain(rng: random.Random, attribute: Attribute, subject: str) -> _Draft:
    return _history(rng, attribute, subject, rng.randrange(3, 6))


def _late(rng: random.Random, attribute: Attribute, subject: str) -> _Draft:
    """An older value is heard of after a newer one."""
    draft = _history(rng, attribute, subject, 3)
    first, second, third = draft.facts
    draft.facts = rng.choice([[second, first, third], [first, third, second], [third, first]])
    return draft


def _corrected(rng: random.Random, attribute: Attribute, subject: str) -> _Draft:
    """The first value was an error: the correction is true from where the error was."""
    old, value = rng.sample(attribute.values, 2)
    (begun,) = _dates(rng, 1)
    wrong = fill(rng.choice(attribute.states), subject, old)
    right = fill(rng.choice(attribute.corrections), subject, value, old)
    facts = [Fact(wrong, begun, "asked"), Fact(right, begun, "asked")]
    return _Draft(facts, _asked(rng, attribute, subject), "asked")


def _ended(rng: random.Random, attribute: Attribute, subject: str) -> _Draft:
    """It no longer holds, and nothing takes its place: that is the answer."""
    draft = _history(rng, attribute, subject, 2)
    value = rng.choice(attribute.values)
    draft.facts[0] = replace(
        draft.facts[0], text=fill(rng.choice(attribute.states), subject, value)
    )
    ended = fill(rng.choice(attribute.endings), subject, old=value)
    draft.facts[1] = replace(draft.facts[1], text=ended)
    return draft


def _mentioned(rng: random.Random, attribute: Attribute, subject: str) -> _Draft:
    """After the change, the old value comes up in passing."""
    old, value = rng.sample(attribute.values, 2)
    dates = _dates(rng, 3)
    passing = fill(attribute.mention, subject, old=old)
    return _Draft(
        [
            Fact(fill(rng.choice(attribute.states), subject, old), dates[0], "asked"),
            Fact(fill(rng.choice(attribute.changes), subject, value, old), dates[1], "asked"),
            Fact(passing, dates[2], f"{_DISTRACTOR} mention"),
        ],
        _asked(rng, attribute, subject),
        "asked",
    )


def _qualified(rng: random.Random, attribute: Attribute, subject: str) -> _Draft:
    """The same attribute with another qualifier changes later; the one asked for stays."""
    first, second, newer = rng.sample(attribute.values, 3)
    asked, other = rng.sample(attribute.qualifiers, 2)
    dates = _dates(rng, 4)
    state = attribute.qualified_state
    texts = (
        (state, asked, first, dates[0], "asked"),
        (state, other, second, dates[1], _DISTRACTOR),
        (attribute.qualified_change, other, newer, dates[3], _DISTRACTOR),
    )
    facts = [
        Fact(fill(template, subject, value, qualifier=qualifier), at, slot)
        for template, qualifier, value, at, slot in texts
    ]
    if rng.random() < 0.5:
        changed = rng.choice([v for v in attribute.values if v not in (first, second, newer)])
        text = fill(attribute.qualified_change, subject, changed, qualifier=asked)
        facts.insert(2, Fact(text, dates[2], "asked"))
    question = fill(attribute.qualified_question, subject, qualifier=asked)
    return _Draft(facts, question, "asked")


def _revised(rng: random.Random, attribute: Attribute, subject: str) -> _Draft:
    """The memory itself gets new versions."""
    draft = _history(rng, attribute, subject, 3)
    first, *later = draft.facts
    draft.facts = [first, *(replace(fact, via="update", of=0) for fact in later)]
    return draft


def _returned(rng: random.Random, attribute: Attribute, subject: str) -> _Draft:
    """What was given up comes back."""
    draft = _history(rng, attribute, subject, 3)
    value, old = rng.sample(attribute.values, 2)
    first, second, third = draft.facts
    draft.facts = [
        replace(first, text=fill(rng.choice(attribute.states), subject, value)),
        replace(second, text=fill(rng.choice(attribute.changes), subject, old, value)),
        replace(third, text=fill(attribute.back, subject, value, old)),
    ]
    return draft


def _said(rng: random.Random, attribute: Attribute, subject: str) -> _Draft:
    """The subject says so in a conversation, in the first person."""
    speaker = subject if attribute.person else rng.choice(PEOPLE)
    old, value = rng.sample(attribute.values, 2)
    dates = _dates(rng, 2)
    first, second = (
        (attribute.own_state, attribute.own_change)
        if attribute.person
        else (rng.choice(attribute.states), rng.choice(attribute.changes))
    )
    texts = (fill(first, subject, old), fill(second, subject, value, old))
    facts = [
        Fact(text, at, "asked", via="turn", speaker=speaker)
        for text, at in zip(texts, dates, strict=True)
    ]
    return _Draft(facts, _asked(rng, attribute, subject), "asked")


def _added(rng: random.Random, _: Attribute, subject: str) -> _Draft:
    """One more of what one may have several of: the older stays as true as it was."""
    several = rng.choice(COLLECTIONS)
    asked, *others = rng.sample(several.values, 3)
    person = subject if subject in PEOPLE else rng.choice(PEOPLE)
    texts = [fill(several.state, person, asked)]
    texts += [fill(several.more, person, value) for value in others]
    slots = ("asked", f"{_DISTRACTOR} one", f"{_DISTRACTOR} two")
    told = zip(texts, _dates(rng, 3), slots, strict=True)
    facts = [Fact(text, at, slot) for text, at, slot in told]
    return _Draft(facts, fill(several.question, person, asked), "asked")


KINDS: dict[str, _Kind] = {
    "changed": _changed,
    "restated": _restated,
    "chain": _chain,
    "late": _late,
    "corrected": _corrected,
    "ended": _ended,
    "mentioned": _mentioned,
    "qualified": _qualified,
    "revised": _revised,
    "returned": _returned,
    "added": _added,
    "said": _said,
}
