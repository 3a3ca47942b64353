"""Facts that are made up: about them a model can only answer from its context."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from random import Random
from typing import NamedTuple

from memos.parametric.lessons import Question, Slot, questions_of
from memos.parametric.templates import Fact, SlotForm, Templates


class MadeUp(NamedTuple):
    """A fact, and how it is said and asked."""

    fact: Fact
    form: SlotForm

    def statement(self, chance: Random) -> str:
        """In one of the form's wordings."""
        return chance.choice(self.form.statements).format_map(self.fact._asdict())

    def questions(self, *, held_out: bool = False) -> list[Question]:
        """What is asked about it."""
        return questions_of(self.fact, self.form, held_out=held_out)


def made_up_facts(
    templates: Templates,
    chance: Random,
    count: int,
    known: Collection[Slot],
    subjects: Sequence[str] = (),
) -> list[MadeUp]:
    """Facts of different slots.

    Args:
        templates: of which names and values they are.
        chance: what draws them.
        count: how many at most; fewer where the names do not suffice.
        known: slots of which nothing is made up.
        subjects: of whom; by default of those of the templates.
    """
    form = next(each for each in templates.forms if not each.subject and not each.attribute)
    attributes = sorted(templates.values)
    facts: dict[Slot, MadeUp] = {}
    for _ in range(20 * count):
        attribute = chance.choice(attributes)
        value = chance.choice(templates.values[attribute])
        fact = Fact(chance.choice(subjects or templates.subjects), attribute, value)
        if fact.slot not in known:
            facts.setdefault(fact.slot, MadeUp(fact, form))
        if len(facts) == count:
            break
    return list(facts.values())
