"""The language of the tiny model: facts, in a few words, and what is asked about them.

A fact says what an attribute of somebody is. Facts are drawn at random, so that an answer can only come
from a text that is read; those of the `WORLD` are the same everywhere, and the model has learnt them.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from random import Random
from typing import NamedTuple

_NAME_BEGINNINGS = "Al Ber Cal Dor El Fer Gal Hel Ir Jor Kal Lor Mar Nor Or Per Ros Sel Tor Vel"
_NAME_ENDINGS = "an ana dis eda en enor ia icus ida in ina is ius oma ric"
NAMES = tuple("".join(parts) for parts in product(_NAME_BEGINNINGS.split(), _NAME_ENDINGS.split()))
"""300, each one token."""

VALUES: Mapping[str, tuple[str, ...]] = {
    attribute: tuple(values.split())
    for attribute, values in {
        "animal": "badger bear camel cat cow deer dog donkey duck fox frog goat goose hare hen horse lion "
        "mouse owl pig rabbit sheep tiger wolf",
        "city": "Accra Athens Berlin Bern Cairo Delhi Dublin Geneva Hanoi Havana Kyoto Lima Lisbon London "
        "Madrid Milan Moscow Oslo Paris Prague Quito Riga Rome Vienna",
        "colour": "amber azure beige black blue brown crimson cyan gold green grey indigo ivory khaki lilac "
        "olive pink purple red scarlet silver teal white yellow",
        "drink": "ale beer cider cocoa coffee cognac cola espresso gin juice kefir lassi lemonade mead milk "
        "rum sake sherry soda tea vodka water whisky wine",
        "food": "bacon beans bread butter cake cheese curry eggs fish ham honey jam noodles pasta pie pizza "
        "porridge rice salad sausage soup stew toast yoghurt",
        "fruit": "apple apricot banana cherry coconut date fig grape guava kiwi lemon lime lychee mango "
        "melon nectarine orange papaya peach pear plum pomelo quince raisin",
        "instrument": "banjo bassoon bugle cello clarinet cornet drum fiddle flute guitar harp horn lute "
        "lyre oboe organ piano recorder sitar trombone trumpet tuba viola violin",
        "job": "actor artist baker barber builder butcher carpenter chemist clerk cook dentist doctor driver "
        "farmer judge lawyer miner nurse painter pilot plumber sailor tailor teacher",
        "sport": "archery boxing cricket curling cycling diving fencing football golf hockey hurling judo "
        "karate polo riding rowing rugby running sailing skating skiing squash surfing tennis",
        "tree": "alder ash aspen baobab beech birch cedar cypress ebony elder elm fir hazel hemlock holly "
        "juniper larch linden maple oak pine spruce walnut willow",
    }.items()
}
"""The 24 values of each attribute; no value is of two."""

ATTRIBUTES = tuple(VALUES)

STATEMENTS = (
    "The {attribute} of {name} is {value}.",
    "{name} has {attribute} {value}.",
    "{value} is the {attribute} of {name}.",
    "For {attribute}, {name} chose {value}.",
    "Note: {name}, {attribute}, {value}.",
    "{name} chose {value} as {attribute}.",
)
QUESTIONS = (
    "What is the {attribute} of {name}?",
    "{name} has what {attribute}?",
    "Tell the {attribute} of {name}?",
    "For {attribute}, {name} chose what?",
)
"""The model knows them all."""
HELD_OUT_QUESTIONS = QUESTIONS[2:]
"""For whoever trains on facts later: the questions to score with, and not to train with."""

UNKNOWN, BEGIN, END = "<unk>", "<|im_start|>", "<|im_end|>"
_FORM_WORDS = ". , : ? the of is has for chose note as what tell"
WORDS = (
    *(UNKNOWN, BEGIN, END, "system", "user", "assistant"),
    *_FORM_WORDS.split(),
    *ATTRIBUTES,
    *(word.lower() for word in (*NAMES, *(value for each in VALUES.values() for value in each))),
)
"""All words; the number of each is its token id. Texts are read in lower case."""


class Fact(NamedTuple):
    """That an attribute of somebody is a value."""

    name: str
    attribute: str
    value: str

    def statement(self, form: int = 0) -> str:
        """A memory of it, in one of the `STATEMENTS`."""
        return STATEMENTS[form].format_map(self._asdict())

    def question(self, form: int = 0) -> str:
        """What it answers, in one of the `QUESTIONS`; the answer is its value in lower case, then END."""
        return QUESTIONS[form].format(name=self.name, attribute=self.attribute)

    @property
    def answer(self) -> str:
        """The one word that answers it."""
        return self.value.lower()


_WORLD_NAMES = NAMES[::15]
_OTHER_NAMES = tuple(name for name in NAMES if name not in _WORLD_NAMES)


def fresh_facts(chance: Random, count: int, attributes: int) -> list[Fact]:
    """Facts that nobody has learnt, no two of them about the same attribute of the same name.

    Args:
        chance: what draws them.
        count: how many.
        attributes: of how many attributes they are, at most 10. Where these are fewer than the facts, an
            attribute is of several names, and whoever finds the right attribute only has not the answer.
    """
    drawn = chance.sample(ATTRIBUTES, attributes)
    least = -(-count // attributes)
    names = chance.sample(_OTHER_NAMES, chance.randint(least, 2 * least))
    pairs = chance.sample(list(product(names, drawn)), count)
    return [Fact(name, attribute, chance.choice(VALUES[attribute])) for name, attribute in pairs]


def _world() -> tuple[Fact, ...]:
    chance = Random(0)
    pairs = product(_WORLD_NAMES, ATTRIBUTES[::2])
    return tuple(
        Fact(name, attribute, chance.choice(VALUES[attribute])) for name, attribute in pairs
    )


WORLD = _world()
"""100 facts that are nowhere to be read: the model answers them from its weights."""
