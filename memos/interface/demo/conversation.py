"""The conversation of the demo: two people, three evenings, written for it."""

from __future__ import annotations

from typing import NamedTuple


class Turn(NamedTuple):
    """What one of the two said, and when."""

    id: str
    time: str
    speaker: str
    text: str


SESSIONS: tuple[tuple[str, tuple[tuple[str, str], ...]], ...] = (
    (
        "2025-03-04T18:30:00Z",
        (
            (
                "Mira",
                "I signed the lease today: from April I rent the old chandlery by the harbour.",
            ),
            ("Tomas", "The one with the blue shutters? What will you do with so much room?"),
            ("Mira", "A bindery. I want to repair books and teach a class on Thursdays."),
            ("Tomas", "You should print flyers. My sister Ines has a letterpress in Aveiro."),
            ("Mira", "Would she lend it? I can pay with bound notebooks."),
            ("Tomas", "She would. She owes me for the boat engine anyway."),
            ("Mira", "One more thing for Saturday's dinner: I am allergic to peanuts."),
            ("Tomas", "Noted, no peanuts. I will cook the mussels with garlic and fennel."),
        ),
    ),
    (
        "2025-03-19T20:05:00Z",
        (
            ("Tomas", "The letterpress arrived, it weighs more than my boat."),
            ("Mira", "I cleared the ground floor for it. Did Ines send type as well?"),
            ("Tomas", "Two cases of Bodoni and a drawer of ornaments with fish."),
            ("Mira", "Fish ornaments! Then the class shall be called Paper and Salt."),
            ("Tomas", "I start night shifts at the lighthouse in May, so Thursdays suit me."),
            ("Mira", "Then you can be my first pupil. Bring the logbook that is falling apart."),
            ("Tomas", "It is my grandfather's, from 1951. Be gentle with it."),
            ("Mira", "I will use Japanese tissue and wheat paste, nothing that cannot be undone."),
        ),
    ),
    (
        "2025-04-10T19:40:00Z",
        (
            ("Mira", "Nine people came to the first class, and one of them fainted over the glue."),
            ("Tomas", "I heard! Was it the smell of the bone glue?"),
            ("Mira", "Yes, I have changed to wheat paste for everyone since then."),
            ("Tomas", "The logbook looks new. Grandfather would have wept."),
            ("Mira", "His entry about the storm of 1953 is the best thing I have read this year."),
            ("Tomas", "I saw my doctor: my knee needs surgery in June, keep that between us."),
            (
                "Mira",
                "Of course. I will take your Thursday cleaning until you can walk the stairs.",
            ),
            ("Tomas", "You are a friend. Come and see the lamp room before I leave."),
            ("Mira", "Gladly, I have never been up a lighthouse."),
        ),
    ),
)


def turns() -> list[Turn]:
    """Every turn in order; the k-th of session n has the id `Sn:k`."""
    return [
        Turn(f"S{number}:{place}", time, speaker, text)
        for number, (time, said) in enumerate(SESSIONS, 1)
        for place, (speaker, text) in enumerate(said, 1)
    ]
