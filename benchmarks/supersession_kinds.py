"""The ways in which facts change, each made of one attribute of one subject."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from benchmarks.supersession_words import PEOPLE, Attribute, fill

START = datetime(2019, 3, 4, 9, 0, tzinfo=UTC)
ASKED = "asked"
"""The slot that is asked for."""
OTHER = "other"
"""How the slots begin that are not asked for."""


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


@dataclass
class Draft:
    """What a kind makes of an attribute: the facts of one slot, and how to ask for it."""

    facts: list[Fact]
    question: str


Kind = Callable[[random.Random, Attribute, str], Draft]


def _dates(rng: random.Random, count: int) -> list[datetime]:
    """Rising times, two weeks to ten months apart."""
    found = [START + timedelta(days=rng.randrange(300))]
    while len(found) < count:
        found.append(found[-1] + timedelta(days=rng.randrange(14, 300)))
    return found


def _asked(rng: random.Random, attribute: Attribute, subject: str) -> str:
    return fill(rng.choice(attribute.questions), subject)


def _history(rng: random.Random, attribute: Attribute, subject: str, count: int) -> Draft:
    """A state, and changes after it."""
    values = rng.sample(attribute.values, count)
    texts = [fill(rng.choice(attribute.states), subject, values[0])]
    texts += [
        fill(rng.choice(attribute.changes), subject, value, old) for old, value in pairwise(values)
    ]
    dates = _dates(rng, count)
    facts = [Fact(text, at, ASKED) for text, at in zip(texts, dates, strict=True)]
    return Draft(facts, _asked(rng, attribute, subject))


def _changed(rng: random.Random, attribute: Attribute, subject: str) -> Draft:
    return _history(rng, attribute, subject, 2)


def _restated(rng: random.Random, attribute: Attribute, subject: str) -> Draft:
    """The new value is told as a plain statement, with no cue that it replaces anything."""
    draft = _history(rng, attribute, subject, 2)
    value = rng.choice([value for value in attribute.values if value not in draft.facts[0].text])
    text = fill(rng.choice(attribute.states), subject, value)
    draft.facts[1] = replace(draft.facts[1], text=text)
    return draft


def _chain(rng: random.Random, attribute: Attribute, subject: str) -> Draft:
    return _history(rng, attribute, subject, rng.randrange(3, 6))


def _late(rng: random.Random, attribute: Attribute, subject: str) -> Draft:
    """An older value is heard of after a newer one."""
    draft = _history(rng, attribute, subject, 3)
    first, second, third = draft.facts
    draft.facts = rng.choice([[second, first, third], [first, third, second], [third, first]])
    return draft


def _corrected(rng: random.Random, attribute: Attribute, subject: str) -> Draft:
    """The first value was an error: the correction is true from where the error was."""
    old, value = rng.sample(attribute.values, 2)
    (begun,) = _dates(rng, 1)
    wrong = fill(rng.choice(attribute.states), subject, old)
    right = fill(rng.choice(attribute.corrections), subject, value, old)
    facts = [Fact(wrong, begun, ASKED), Fact(right, begun, ASKED)]
    return Draft(facts, _asked(rng, attribute, subject))


def _ended(rng: random.Random, attribute: Attribute, subject: str) -> Draft:
    """It no longer holds, and nothing takes its place: that is the answer."""
    draft = _history(rng, attribute, subject, 2)
    value = rng.choice(attribute.values)
    draft.facts[0] = replace(
        draft.facts[0], text=fill(rng.choice(attribute.states), subject, value)
    )
    ended = fill(rng.choice(attribute.endings), subject, old=value)
    draft.facts[1] = replace(draft.facts[1], text=ended)
    return draft


def _mentioned(rng: random.Random, attribute: Attribute, subject: str) -> Draft:
    """After the change, the old value comes up in passing."""
    old, value = rng.sample(attribute.values, 2)
    dates = _dates(rng, 3)
    passing = fill(attribute.mention, subject, old=old)
    return Draft(
        [
            Fact(fill(rng.choice(attribute.states), subject, old), dates[0], ASKED),
            Fact(fill(rng.choice(attribute.changes), subject, value, old), dates[1], ASKED),
            Fact(passing, dates[2], f"{OTHER} mention"),
        ],
        _asked(rng, attribute, subject),
    )


def _qualified(rng: random.Random, attribute: Attribute, subject: str) -> Draft:
    """The same attribute with another qualifier changes later; the one asked for stays."""
    first, second, newer = rng.sample(attribute.values, 3)
    asked, other = rng.sample(attribute.qualifiers, 2)
    dates = _dates(rng, 4)
    state = attribute.qualified_state
    texts = (
        (state, asked, first, dates[0], ASKED),
        (state, other, second, dates[1], OTHER),
        (attribute.qualified_change, other, newer, dates[3], OTHER),
    )
    facts = [
        Fact(fill(template, subject, value, qualifier=qualifier), at, slot)
        for template, qualifier, value, at, slot in texts
    ]
    if rng.random() < 0.5:
        changed = rng.choice([v for v in attribute.values if v not in (first, second, newer)])
        text = fill(attribute.qualified_change, subject, changed, qualifier=asked)
        facts.insert(2, Fact(text, dates[2], ASKED))
    question = fill(attribute.qualified_question, subject, qualifier=asked)
    return Draft(facts, question)


def _revised(rng: random.Random, attribute: Attribute, subject: str) -> Draft:
    """The memory itself gets new versions."""
    draft = _history(rng, attribute, subject, 3)
    first, *later = draft.facts
    draft.facts = [first, *(replace(fact, via="update", of=0) for fact in later)]
    return draft


def _returned(rng: random.Random, attribute: Attribute, subject: str) -> Draft:
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


def _said(rng: random.Random, attribute: Attribute, subject: str) -> Draft:
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
        Fact(text, at, ASKED, via="turn", speaker=speaker)
        for text, at in zip(texts, dates, strict=True)
    ]
    return Draft(facts, _asked(rng, attribute, subject))


@dataclass(frozen=True)
class Collection:
    """What a subject may have several of: a new one takes the place of none."""

    values: tuple[str, ...]
    state: str
    more: str
    question: str


COLLECTIONS = (
    Collection(
        ("the violin", "the cello", "the oboe", "the drums", "the harp"),
        "{s} plays {v}.",
        "{s} has started to play {v} as well.",
        "Does {s} play {v}?",
    ),
    Collection(
        ("Basque", "Finnish", "Swahili", "Korean", "Welsh"),
        "{s} speaks {v}.",
        "{s} now also speaks {v}.",
        "Does {s} speak {v}?",
    ),
    Collection(
        ("peanuts", "penicillin", "pollen", "shellfish", "latex"),
        "{s} is allergic to {v}.",
        "{s} turned out to be allergic to {v} too.",
        "Is {s} allergic to {v}?",
    ),
    Collection(
        ("a parrot", "a beagle", "a tortoise", "a pony", "a ferret"),
        "{s} has {v}.",
        "{s} has got {v} in addition.",
        "Does {s} have {v}?",
    ),
)


def _added(rng: random.Random, _: Attribute, subject: str) -> Draft:
    """One more of what one may have several of: the older stays as true as it was."""
    several = rng.choice(COLLECTIONS)
    asked, *others = rng.sample(several.values, 3)
    person = subject if subject in PEOPLE else rng.choice(PEOPLE)
    texts = [fill(several.state, person, asked)]
    texts += [fill(several.more, person, value) for value in others]
    slots = (ASKED, f"{OTHER} one", f"{OTHER} two")
    told = zip(texts, _dates(rng, 3), slots, strict=True)
    facts = [Fact(text, at, slot) for text, at, slot in told]
    return Draft(facts, fill(several.question, person, asked))


KINDS: dict[str, Kind] = {
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
