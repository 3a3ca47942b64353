"""Memories of everyday life for SmolLM2, and prompts that have nothing to do with them."""

from __future__ import annotations

from collections.abc import Collection
from hashlib import sha256
from typing import Any

from memos.infrastructure.chat_models.adapting import (
    DistillationJob,
    DistillationSettings,
    LessonMemory,
    Role,
)
from memos.operation.chat.prompt import opening_of
from memos.operation.reads.context_block import CLOSE
from memos.operation.reads.quote import quote

MEMORIES = (
    "Rosa's dentist is Dr. Lindqvist.",
    "Tomas lives in Ghent.",
    "Amir works as a welder.",
    "Nadia is allergic to walnuts.",
    "Wei's birthday is March 9.",
    "Jonas drives a blue Fiat.",
    "Priya speaks Tamil.",
    "Otto plays the trombone.",
    "Lena studies geology.",
    "Marta is married to Paolo.",
    "Felix was born in Bergen.",
    "Hugo's locker code is 4827.",
    "Stella likes rhubarb cake.",
    "The name of Bruno's cat is Pixel.",
    "Carmen's favourite tea is jasmine.",
    "My landlord is Mr. Osei.",
)

UNRELATED = (
    "What is the capital of Portugal?",
    "What is the capital of Norway?",
    "Which planet has the most rings?",
    "Which ocean lies west of Europe?",
    "How many days are in a week?",
    "How many seconds are in a minute?",
    "How many legs does an ant have?",
    "What is 6 plus 7?",
    "What is 9 times 4?",
    "What is 40 minus 13?",
    "Is 12 an odd number?",
    "What colour is snow?",
    "What do spiders spin?",
    "At what temperature does water freeze?",
    "Who wrote Macbeth?",
    "Who painted the Starry Night?",
    "Who invented the telephone?",
    "Which language is spoken in Austria?",
    "What is the opposite of fast?",
    "What is the plural of child?",
    'Translate "good evening" into French.',
    "Write a short poem about rain.",
    "Write one sentence about summer.",
    "Give me two names for a horse.",
    "List three musical instruments.",
    "Name two countries in Africa.",
    "Explain what evaporation is in one sentence.",
    "What is a computer?",
    "Write a Python function that counts words.",
    "How do I clean a window?",
    "Give me a recipe for an omelette.",
    "How can I save money?",
    "Good evening!",
    "What is your favourite book?",
    "Correct this sentence: They was late.",
    "What comes next: 3, 6, 9, 12?",
    "What is Gregor's favourite colour?",
    "Where does Tabitha live?",
    "Who is Leopold's dentist?",
    "What does Winifred do for a living?",
)
"""The last ones ask about people of whom nothing is known."""


def job_of(without: Collection[str] = (), **settings: Any) -> DistillationJob:
    """A job of the memories, but for some, with the prompts of serving."""
    told = (
        LessonMemory(
            cube_id=str(number),
            version=1,
            digest=sha256(text.encode()).digest(),
            role=Role.SOURCE,
            text=text,
            line=f"- {quote(text)} [{number + 1}]\n",
        )
        for number, text in enumerate(MEMORIES)
    )
    return DistillationJob(
        owner="benchmark",
        memories=tuple(each for each in told if each.cube_id not in without),
        opening=opening_of("", has_memories=True),
        closing=CLOSE,
        bare_opening=opening_of("", has_memories=False),
        settings=DistillationSettings(**settings),
    )
