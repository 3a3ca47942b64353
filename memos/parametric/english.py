"""How memories in English are asked about."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from memos.parametric.neutral_english import HELD_OUT_NEUTRAL, NEUTRAL
from memos.parametric.templates import SlotForm, Templates

USER = "the user"
"""The subject of the first person."""
_TOLD = 'You told me: "{sentence}"'
"""An answer in the words of a memory, whichever person it is in."""


class _Verb(NamedTuple):
    """A relation that is told with a verb; `{}` stands for the value.

    Attributes:
        attribute: what it tells of somebody.
        told: of a third person, and in the first person.
        asked, held_out: questions, in which `{who}` and `{whom}` stand for somebody, `{is}`, `{was}` and `{does}` go
            with them, and `{s}` ends a verb.
        is_many: whether there may be several of it.
    """

    attribute: str
    told: Sequence[tuple[str, str]]
    asked: tuple[str, ...]
    held_out: tuple[str, ...]
    is_many: bool = False


_VERBS = (
    _Verb(
        "home",
        (
            ("lives in {}", "live in {}"),
            ("moved to {}", "moved to {}"),
            ("resides in {}", "reside in {}"),
        ),
        (
            "Where {does} {who} live?",
            "In which place {does} {who} live?",
            "What is the home of {whom}?",
            "Tell me where {who} live{s}.",
        ),
        ("Which place {does} {who} live in?", "Do you know where {who} live{s}?"),
    ),
    _Verb(
        "job",
        (
            *(("works as a {}", "work as a {}"), ("works as an {}", "work as an {}")),
            *(("works as {}", "work as {}"), ("is employed as {}", "am employed as {}")),
        ),
        (
            "What is the job of {whom}?",
            "What {does} {who} work as?",
            "Which work {does} {who} do?",
            "Tell me the profession of {whom}.",
        ),
        ("What {does} {who} do for a living?", "Do you know what {who} work{s} as?"),
    ),
    _Verb(
        "employer",
        (("works at {}", "work at {}"), ("works for {}", "work for {}")),
        (
            "Where {does} {who} work?",
            "Who is the employer of {whom}?",
            "At which company {does} {who} work?",
            "Tell me where {who} work{s}.",
        ),
        ("For whom {does} {who} work?", "Do you know where {who} work{s}?"),
    ),
    _Verb(
        "birthplace",
        (("was born in {}", "was born in {}"), ("comes from {}", "come from {}")),
        (
            "Where {was} born?",
            "What is the birthplace of {whom}?",
            "Where {does} {who} come from?",
            "Tell me where {who} come{s} from.",
        ),
        ("What is the origin of {whom}?", "Do you know where {who} come{s} from?"),
    ),
    _Verb(
        "liking",
        (("likes {}", "like {}"), ("loves {}", "love {}"), ("enjoys {}", "enjoy {}")),
        (
            "What {does} {who} like?",
            "What is something that {who} like{s}?",
            "Tell me what {who} like{s}.",
            "What {does} {who} enjoy?",
        ),
        ("What {does} {who} love?", "Do you know what {who} like{s}?"),
        is_many=True,
    ),
    _Verb(
        "preference",
        (("prefers {}", "prefer {}"),),
        (
            "What {does} {who} prefer?",
            "What is the preference of {whom}?",
            "Tell me what {who} prefer{s}.",
            "Which one {does} {who} prefer?",
        ),
        ("What would {who} rather have?", "Do you know what {who} prefer{s}?"),
        is_many=True,
    ),
    _Verb(
        "dislike",
        (("dislikes {}", "dislike {}"), ("hates {}", "hate {}")),
        (
            "What {does} {who} dislike?",
            "What is something that {who} dislike{s}?",
            "Tell me what {who} dislike{s}.",
            "What {does} {who} not like?",
        ),
        ("What {does} {who} hate?", "Do you know what {who} dislike{s}?"),
        is_many=True,
    ),
    _Verb(
        "allergy",
        (("is allergic to {}", "am allergic to {}"),),
        (
            "What is the allergy of {whom}?",
            "Which allergy {does} {who} have?",
            "Tell me about the allergies of {whom}.",
            "What must {who} not eat or touch?",
        ),
        ("What {does} {who} react to?", "Do you know the allergy of {whom}?"),
        is_many=True,
    ),
    _Verb(
        "studies",
        (("studies {}", "study {}"), ("is studying {}", "am studying {}")),
        (
            "What {does} {who} study?",
            "Which subject {does} {who} study?",
            "What is the field of {whom}?",
            "Tell me the subject that {who} learn{s}.",
        ),
        ("What {does} {who} learn?", "Do you know the studies of {whom}?"),
    ),
    _Verb(
        "language",
        (("speaks {}", "speak {}"),),
        (
            "What language {does} {who} speak?",
            "Which languages {does} {who} know?",
            "What is the language of {whom}?",
            "Tell me what {who} speak{s}.",
        ),
        ("In which language {does} {who} talk?", "Do you know what {who} speak{s}?"),
        is_many=True,
    ),
    _Verb(
        "instrument or game",
        (("plays the {}", "play the {}"), ("plays {}", "play {}")),
        (
            "What {does} {who} play?",
            "Tell me what {who} play{s}.",
            "Which game or instrument {does} {who} play?",
            "What is it that {who} play{s}?",
        ),
        ("What can {who} play?", "Do you know what {who} play{s}?"),
        is_many=True,
    ),
    _Verb(
        "spouse",
        (("is married to {}", "am married to {}"), ("married {}", "married {}")),
        (
            "Who is the spouse of {whom}?",
            "To whom {is} married?",
            "Tell me who {who} married.",
            "Whom did {who} marry?",
        ),
        ("Who is the partner of {whom}?", "Do you know who {who} married?"),
    ),
    _Verb(
        "car",
        (("drives a {}", "drive a {}"), ("drives {}", "drive {}")),
        (
            "What {does} {who} drive?",
            "Which car {does} {who} drive?",
            "What is the car of {whom}?",
            "Tell me what {who} drive{s}.",
        ),
        ("What kind of car {does} {who} have?", "Do you know what {who} drive{s}?"),
    ),
)

_ATTRIBUTES = (
    SlotForm(
        statements=(
            "My {attribute} is called {value}",
            "The user's {attribute} is called {value}",
            "My {attribute} is {value}",
            "The user's {attribute} is {value}",
            "User's {attribute} is {value}",
        ),
        subject=USER,
        questions=(
            "What is my {attribute}?",
            "Tell me my {attribute}.",
            "My {attribute}: what is it?",
            "Can you remind me of my {attribute}?",
        ),
        held_out=("Do you know my {attribute}?", "Please say what my {attribute} is."),
        answer=_TOLD,
    ),
    SlotForm(
        statements=(
            "{subject}'s {attribute} is called {value}",
            "The {attribute} of {subject} is {value}",
            "{subject}'s {attribute} is {value}",
            "{value} is the {attribute} of {subject}",
            "{subject} has {value} as {attribute}",
        ),
        questions=(
            "What is the {attribute} of {subject}?",
            "What is {subject}'s {attribute}?",
            "Tell me the {attribute} of {subject}.",
            "{subject}'s {attribute}: what is it?",
            "Can you remind me of {subject}'s {attribute}?",
        ),
        held_out=(
            "Do you know {subject}'s {attribute}?",
            "Please say what the {attribute} of {subject} is.",
        ),
    ),
)

_THING = SlotForm(
    statements=("The {subject} is {value}", "Our {subject} is {value}"),
    attribute="is",
    questions=(
        "What is the {subject}?",
        "Tell me the {subject}.",
        "The {subject}: what is it?",
        "Can you remind me of the {subject}?",
    ),
    held_out=("Do you know the {subject}?", "Please say what the {subject} is."),
)


def _forms(verb: _Verb) -> Iterator[SlotForm]:
    """Of the first person, whom memories call the user too; of any third person."""
    me = {"does": "do", "who": "I", "whom": "me", "s": "", "was": "was I", "is": "am I"}
    name = "{subject}"
    third = {
        "does": "does",
        "who": name,
        "whom": name,
        "s": "s",
        "was": f"was {name}",
        "is": f"is {name}",
    }
    users = (f"{who} {told}" for told, _ in verb.told for who in ("The user", "User"))
    yield SlotForm(
        statements=tuple(
            each.format("{value}") for each in (*users, *(f"I {told}" for _, told in verb.told))
        ),
        subject=USER,
        attribute=verb.attribute,
        questions=tuple(each.format_map(me) for each in verb.asked),
        held_out=tuple(each.format_map(me) for each in verb.held_out),
        is_many=verb.is_many,
        answer=_TOLD,
    )
    yield SlotForm(
        statements=tuple(f"{{subject}} {told.format('{value}')}" for told, _ in verb.told),
        attribute=verb.attribute,
        questions=tuple(each.format_map(third) for each in verb.asked),
        held_out=tuple(each.format_map(third) for each in verb.held_out),
        is_many=verb.is_many,
    )


_NAMES = (
    "Aldara Bexley Corvin Dremond Elowen Farrick Gisela Haldan Ingrith Jorvik Kessia Lorcan Mirelle Nevan "
    "Odalys Perrin Quillan Rosmer Sabella Tavish Ulric Vashti Wendell Xanthe Yorick Zelda"
)
_VALUES: Mapping[str, str] = {
    "favourite colour": "red blue green yellow purple orange black white silver brown pink turquoise",
    "pet": "cat dog parrot rabbit hamster turtle goldfish lizard ferret canary snake pony",
    "home town": "Lisbon Oslo Prague Vienna Dublin Athens Warsaw Helsinki Geneva Toronto Nairobi Osaka",
    "favourite food": "pizza sushi curry pasta salad soup tacos noodles pancakes lasagna dumplings risotto",
    "profession": "baker pilot nurse teacher plumber lawyer farmer painter chemist tailor driver dentist",
    "hobby": "chess sailing knitting cycling gardening fishing hiking painting skiing archery dancing pottery",
    "favourite fruit": "apple banana cherry grape lemon mango melon orange peach pear plum kiwi",
    "instrument": "piano violin guitar flute drums trumpet harp cello clarinet banjo organ saxophone",
    "favourite season": "spring summer autumn winter",
    "lucky number": "three five seven eight nine eleven twelve thirteen twenty thirty forty fifty",
}

ENGLISH = Templates(
    version="english 2",
    forms=(*_ATTRIBUTES, *(form for verb in _VERBS for form in _forms(verb)), _THING),
    seeds=(
        "What do you know about {subject}?",
        "List what you remember of {subject}.",
        "Say again what you remember that begins: {beginning}",
        "Complete what you remember: {beginning}",
        "How does this go on? {beginning}",
    ),
    held_out_seeds=(
        "Which of your memories begins with these words? {beginning}",
        "Please finish: {beginning}",
    ),
    neutral=NEUTRAL,
    held_out_neutral=HELD_OUT_NEUTRAL,
    subjects=tuple(_NAMES.split()),
    values={name: tuple(values.split()) for name, values in _VALUES.items()},
    abbreviations=tuple(f" {title}." for title in ("Dr", "Mr", "Mrs", "Ms", "Prof", "St")),
    asked_shortly="{question}\n\nAnswer in one short sentence, and cite no label.",
)
"""For models that speak English. Nothing here is about anybody."""
