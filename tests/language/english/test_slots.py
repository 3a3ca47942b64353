from __future__ import annotations

import pytest

from memos.language.english.slot_questions import asked_slot
from memos.language.english.slots import claims
from memos.language.port import Slot


def slots(text: str, speaker: str = "") -> set[tuple[str, str, str]]:
    return {(claim.subject, claim.attribute, claim.qualifier) for claim in claims(text, speaker)}


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("Renata resides in Quito.", ("renata", "residence", "")),
        ("Last month Renata relocated to Cuenca.", ("renata", "residence", "")),
        ("Renata is now based in Loja.", ("renata", "residence", "")),
        ("Renata's current address is 4 Mill Lane.", ("renata", "residence", "")),
        ("Henrik works for a small bakery.", ("henrik", "employer", "")),
        ("Henrik was hired by Tern Airways.", ("henrik", "employer", "")),
        ("Henrik works as a pastry chef.", ("henrik", "job", "")),
        ("Henrik got promoted to head chef.", ("henrik", "job", "")),
        ("Nadia is engaged to Piotr.", ("nadia", "partner", "")),
        ("Nadia is divorced.", ("nadia", "relationship", "")),
        ("Nadia's husband is Piotr.", ("nadia", "partner", "")),
        ("Nadia is 34 years old.", ("nadia", "age", "")),
        ("Nadia just turned 35.", ("nadia", "age", "")),
        ("Owen's favorite colour is teal.", ("owen", "favourite:colour", "")),
        ("Owen's work email address is owen@firm.test.", ("owen", "email", "work")),
        ("The landlord of Owen is Mrs Petty.", ("owen", "landlord", "")),
        ("Owen hired Sal as his new accountant.", ("owen", "accountant", "")),
        ("Sal became Owen's accountant.", ("owen", "accountant", "")),
        ("Sal is no longer Owen's accountant.", ("owen", "accountant", "")),
        ("Owen's dog's name is Biscuit.", ("owen", "name", "dog")),
        ("Owen studies at Leeds.", ("owen", "school", "")),
        ("Owen volunteers at the shelter.", ("owen", "verb:volunteer", "")),
        ("Owen bought a used pickup.", ("owen", "car", "")),
        (
            "Thanks! By the way, Owen has switched to Dr Webb as therapist.",
            ("owen", "therapist", ""),
        ),
        ("The budget of Project Heron is now 40,000.", ("heron", "budget", "")),
        ("Heron is maintained by Ulla.", ("heron", "owner", "")),
        ("Renata’s employer is Zoë & Sons.", ("renata", "employer", "")),
    ],
)
def test_a_statement_fills_its_slot(text: str, slot: tuple[str, str, str]) -> None:
    assert slot in slots(text)


@pytest.mark.parametrize(
    ("text", "slot"),
    [
        ("I live in Hove now.", ("gwen", "residence", "")),
        ("My therapist is Dr Webb.", ("gwen", "therapist", "")),
        ("I've got a new boss, Carla.", ("gwen", "manager", "")),
        ("Actually, I no longer work at the mill.", ("gwen", "employer", "")),
        ("Good morning! We moved to Hove last week.", ("gwen", "residence", "")),
    ],
)
def test_the_first_person_is_the_speaker(text: str, slot: tuple[str, str, str]) -> None:
    assert slot in slots(text, "Gwen")


def test_without_a_speaker_the_first_person_and_the_user_are_one() -> None:
    assert slots("I live in Hove.") == {("i", "residence", "")}
    assert slots("The user lives in Hove.") == {("i", "residence", "")}


def test_he_and_she_are_whom_the_text_spoke_of_last() -> None:
    assert ("renata", "employer", "") in slots("Renata lives in Quito. She works at Tern Airways.")
    assert slots("She works at Tern Airways.") == set()


def test_a_second_verb_stands_with_the_same_subject() -> None:
    found = slots("Henrik quit the bakery and now works at Tern Airways.")
    assert ("henrik", "employer", "") in found


def test_a_change_that_does_not_say_of_what_keeps_both_values() -> None:
    (change,) = claims("Henrik left Tern Airways for Polar Freight.")
    assert change == ("henrik", "", "", "polar freight", "tern airways")


def test_a_noun_that_is_part_of_a_name_names_no_slot() -> None:
    assert slots("Henrik left Tern Bank for Hill School.") == {("henrik", "", "")}


def test_an_ending_has_an_old_value_and_no_new_one() -> None:
    (claim,) = claims("Henrik no longer works at Tern Airways.")
    assert (claim.new, claim.old) == ("", "tern airways")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "What a lovely day!",
        "Does Renata live in Quito?",
        "If Renata moved to Quito, she would be happy.",
        "Renata might move to Quito.",
        "Renata used to live in Quito.",
        "Renata read a book about a vegan diet.",
        "Renata moved to a new chair.",
        "It's part of the plan.",
        "Renata's hobbies are rowing and chess.",
        "My friend is nice.",
        "def move(to): return port",
        "' 's of of as as is is",
        "\x00\ud800 's is",
    ],
)
def test_what_tells_no_state_of_affairs_claims_nothing(text: str) -> None:
    assert {slot for slot in slots(text, "Gwen") if slot[1]} == set()


def test_a_very_long_text_is_read_in_bounded_part() -> None:
    assert claims("word " * 100_000 + ". Renata lives in Quito.") == []


@pytest.mark.parametrize(
    ("query", "slot"),
    [
        ("Where does Renata live?", Slot("renata", ("residence",))),
        ("where is renata living now", Slot("renata", ("residence",))),
        ("Which town is Renata based in?", Slot("renata", ("residence",))),
        ("What is Renata's current address?", Slot("renata", ("residence",))),
        ("Who does Ben work for now?", Slot("ben", ("employer",))),
        ("What's Ben's job at the moment?", Slot("ben", ("job",))),
        ("What does Ben do for a living?", Slot("ben", ("job", "employer"))),
        ("How old is Nadia?", Slot("nadia", ("age",))),
        ("Who is Nadia married to?", Slot("nadia", ("partner",))),
        ("What is my email?", Slot("i", ("email",))),
        ("Where do I live?", Slot("i", ("residence",))),
        ("Who is the landlord of Owen?", Slot("owen", ("landlord",))),
        ("Owen's work email", Slot("owen", ("email",), "work")),
        ("What is the name of Owen's dog?", Slot("owen", ("name",), "dog")),
        ("Where does Owen volunteer?", Slot("owen", ("verb:volunteer",))),
        ("Which colour does Owen like best?", Slot("owen", ("favourite:colour",))),
        ("Please tell me Owen's phone number", Slot("owen", ("phone",))),
    ],
)
def test_a_question_asks_for_its_slot(query: str, slot: Slot) -> None:
    assert asked_slot(query) == slot


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?",
        "Where did Renata live before?",
        "Where does Renata live since 2019?",
        "Where did Renata use to work?",
        "What was Owen's first job?",
        "What is Owen's previous address?",
        "Does Renata live in Quito?",
        "When did Renata move to Quito?",
        "What are Owen's hobbies?",
        "What does Renata think of Quito?",
        "What is Renata's house like when it rains in the hills of Quito?",
        "Why is Renata's house on fire?" * 20,
    ],
)
def test_other_questions_ask_for_no_slot(query: str) -> None:
    assert asked_slot(query) is None
