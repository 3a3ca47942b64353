from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest

from memos.kernel.errors import InvalidInput
from memos.operation.search.filters import MAX_DEPTH, compile_filter, mentions
from tests.operation.memories import memory

CUBE = memory(
    "A violin.",
    {
        "speaker": "Ana",
        "place": {"city": "Hove"},
        "cities": ["Hove", "Oslo"],
        "first.name": "Zoë",
        "due": "2023-05-08T10:00:00+02:00",
        "marks": [3, 9],
        "year": 2023,
        "sure": True,
    },
    tags=("home", "music"),
    scope="acme/alice",
    priority=2,
    valid_from=datetime(2023, 5, 8, tzinfo=UTC),
)


@pytest.mark.parametrize(
    "condition",
    [
        None,
        {"tags": "home"},
        {"tags": {"contains": "music"}},
        {"metadata.speaker": "Ana"},
        {"metadata.place.city": {"in": ["Hove", "Oslo"]}},
        {"priority": {"gte": 2, "lt": 3}},
        {"priority": {"ne": 3}},
        {"text": {"contains": "violin"}},
        {"scope": {"under": "acme"}},
        {"valid_from": {"gt": "2023-05-07"}},
        {"valid_until": {"exists": False}},
        {"metadata.mood": {"exists": False}},
        {"metadata.cities": "Oslo"},
        {"metadata.cities": {"in": ["Rome", "Hove"]}},
        {"metadata.cities": {"contains": "Hove"}},
        {"metadata.cities": {"icontains": "oSLO"}},
        {"metadata.speaker": {"icontains": "AN"}},
        {"metadata.'first.name'": {"icontains": "OE\u0308"}},
        {"text": {"icontains": "VIOLIN"}},
        {"tags": {"icontains": "HOME"}},
        {"not": {"metadata.speaker": {"contains": "AN"}}},
        {"metadata.cities": ["Hove", "Oslo"]},
        {"metadata.marks": {"gt": 8}},
        {"metadata.'first.name'": "Zoe\u0308"},
        {'metadata."first.name"': {"contains": "Zo"}},
        {"metadata.due": "2023-05-08T08:00Z"},
        {"metadata.due": {"lt": "2023-05-08T09:00Z", "gt": "2023-05-08"}},
        {"metadata.year": 2023.0},
        {"state": {"nin": ["Archived"]}},
        {"or": [{"tags": "work"}, {"not": {"source": "web"}}]},
        {"and": [{"tags": "home"}, {"priority": 2}]},
    ],
)
def test_what_holds_of_a_memory_passes(condition: dict[str, Any] | None) -> None:
    assert compile_filter(condition)(CUBE)


@pytest.mark.parametrize(
    "condition",
    [
        {"tags": "work"},
        {"metadata.mood": "glad"},
        {"metadata.cities": "Rome"},
        {"metadata.cities": {"nin": ["Oslo"]}},
        {"metadata.first.name": "Zoë"},
        {"metadata.due": {"lt": "2023-05-08T07:00Z"}},
        {"metadata.year": "Hove"},
        {"metadata.place": {"gt": 3}},
        {"priority": {"gt": 2}},
        {"scope": {"under": "acme/al"}},
        {"valid_until": {"gt": "2023-05-07"}},
        {"tags": "home", "text": "A violin"},
        {"not": {"tags": "home"}},
    ],
)
def test_what_does_not_hold_fails(condition: dict[str, Any]) -> None:
    assert not compile_filter(condition)(CUBE)


@pytest.mark.parametrize(
    ("condition", "why"),
    [
        ({"colour": "red"}, "'colour' is not known"),
        ({"priority": {"near": 2}}, "'near' on 'priority' is not known"),
        ({"priority": "high"}, "'priority' is a number"),
        ({"priority": True}, "'priority' is a number"),
        ({"text": 3}, "'text' is a text"),
        ({"tags": {"gt": "a"}}, "use contains"),
        ({"state": "Asleep"}, "is no state"),
        ({"created": "soon"}, "is a time"),
        ({"created": datetime(2023, 5, 8)}, "is a time"),  # noqa: DTZ001 - naive on purpose
        ({"priority": {}}, "names no operator"),
        ({"or": []}, "takes a list"),
        ({"priority": {"in": 2}}, "takes a list"),
        ({"priority": {"exists": 1}}, "takes true or false"),
        (["tags"], "a filter is a mapping"),
        ({}, "the filter is empty"),
        ({"not": {}}, "the filter is empty"),
        ({"metadata.a..b": 1}, "from character 11 on"),
        ({"metadata.'a": 1}, "from character 9 on"),
        ({"metadata.year": {"gt": None}}, "compares numbers, texts or times"),
    ],
)
def test_what_is_not_understood_is_an_error_before_anything_is_read(
    condition: Any, why: str
) -> None:
    with pytest.raises(InvalidInput, match=why):
        compile_filter(condition)


UNLIKE: list[tuple[dict[str, Any], str]] = [
    ({"metadata.year": "2023"}, "a number where metadata.year is compared as a text"),
    ({"metadata.year": {"in": ["2022", "2023"]}}, "a number where metadata.year"),
    ({"metadata.year": {"gt": "2020"}}, "a number where metadata.year is compared as a text"),
    ({"metadata.year": {"lt": "2024-01-01"}}, "a number where metadata.year is compared as a time"),
    ({"metadata.speaker": {"lt": 3}}, "a text where metadata.speaker is compared as a number"),
    ({"metadata.speaker": {"contains": 3}}, "a text where metadata.speaker"),
    ({"metadata.speaker": {"gt": "2023-05-08"}}, "a text that is no time where metadata.speaker"),
    ({"metadata.speaker": {"icontains": 3}}, "a text where metadata.speaker"),
    ({"metadata.marks": {"contains": "9"}}, "a number where metadata.marks"),
    ({"metadata.place": {"gt": 3}}, "an object where metadata.place"),
    ({"metadata.sure": {"gte": 1}}, "true or false where metadata.sure is compared as a number"),
    ({"metadata.sure": "true"}, "true or false where metadata.sure is compared as a text"),
    ({"metadata.year": {"lte": "x"}, "tags": "home"}, "a number where metadata.year"),
    ({"or": [{"metadata.year": {"lte": "x"}}, {"tags": "work"}]}, "a number where metadata.year"),
]


@pytest.mark.parametrize(("condition", "said"), UNLIKE)
def test_a_number_does_not_meet_a_text_silently(condition: dict[str, Any], said: str) -> None:
    for asked in (condition, {"not": condition}):  # nor does it fit the opposite
        fits = compile_filter(asked)
        assert not fits(CUBE)
        (told,) = fits.not_compared
        assert told.startswith(f"1 memory has {said}")
        assert told.endswith(f": {CUBE.cube_id}")


@pytest.mark.parametrize(
    ("condition", "fits"),
    [
        ({"metadata.year": {"gt": "x"}, "tags": "work"}, False),
        ({"or": [{"metadata.year": {"gt": "x"}}, {"tags": "home"}]}, True),
        ({"metadata.year": "Hove"}, False),
        ({"metadata.year": {"ne": "Hove"}}, True),
        ({"metadata.mood": {"gt": 3}}, False),
        ({"metadata.marks": {"in": ["9", 9]}}, True),
    ],
)
def test_what_another_condition_decides_is_told_apart(
    condition: dict[str, Any], fits: bool
) -> None:
    compiled = compile_filter(condition)
    assert (compiled(CUBE), compiled.not_compared) == (fits, ())


def test_a_filter_is_nested_in_bounds() -> None:
    condition: dict[str, Any] = {"tags": "home"}
    for _ in range(MAX_DEPTH + 1):
        condition = {"not": condition}
    with pytest.raises(InvalidInput, match="nested deeper"):
        compile_filter(condition)


def test_a_filter_mentions_a_field_at_any_depth() -> None:
    assert mentions({"or": [{"tags": "a"}, {"not": {"state": "Archived"}}]}, "state")
    assert not mentions({"tags": "state"}, "state")
    assert not mentions(None, "state")


def test_a_list_in_the_place_of_a_text_is_told_how_to_be_asked_for() -> None:
    with pytest.raises(InvalidInput, match=re.escape('{"tags": {"in": [...]}}')):
        compile_filter({"tags": ["x"]})


def test_what_is_no_number_is_compared_with_none() -> None:
    for fits in ({"priority": {"gte": float("nan")}}, {"uses": float("nan")}):
        with pytest.raises(InvalidInput, match="is a number"):
            compile_filter(fits)
