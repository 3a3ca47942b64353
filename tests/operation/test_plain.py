from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from enum import StrEnum
from typing import Any
from uuid import UUID

import numpy as np
import pytest
import uuid_utils

from memos import InvalidInput, Position
from memos.operation.plain import are_plain, plain
from memos.operation.validation import check_list
from tests.interface.odd import BEFORE, BEHIND, Liar, nested


class Colour(StrEnum):
    RED = "red"


def test_a_text_of_a_class_of_its_own_is_what_it_holds() -> None:
    for text in (Liar("red"), Colour.RED, np.str_("red")):
        assert (type(plain(text)), plain(text)) == (str, "red")


def all_texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        yield from all_texts([*value, *value.values()])
    elif isinstance(value, (list, tuple, set)):
        for inner in value:
            yield from all_texts(inner)


def test_texts_are_found_wherever_they_are() -> None:
    red = Liar("red")
    deep = {"d": [(red, {red}), {"a": {"c": red}}], "b": frozenset([red, 5])}
    given = plain(deep)
    assert given == {"d": [("red", {"red"}), {"a": {"c": "red"}}], "b": {"red", 5}}
    assert {type(text) for text in all_texts(given)} == {str}
    assert [type(text) for text in plain(iter([red, "a"]))] == [str, str]
    assert [type(text) for text in check_list(deque([red]), "tags")] == [str]
    assert [type(text) for text in check_list(np.array(["a"]), "tags")] == [str]


def test_what_is_plain_or_no_text_stays_what_it_is() -> None:
    position, array = Position(0, np.int64(3)), np.arange(3)  # type: ignore[arg-type]
    same: list[Any] = ["a", 5, None, b"", {"a": 1}, ["a"], ("a", 2), {"a"}, position, array, print]
    for value in same:
        assert plain(value) is value
    assert are_plain(["a", 5, 1.5, True, None, b"x"])
    looked_into: list[Any] = [Liar("a"), [], {}, position]
    assert not any(are_plain([value]) for value in looked_into)


def test_ids_dates_times_and_decimal_numbers_are_what_they_mean() -> None:
    one = UUID("01a22b7a-cd91-750b-949a-46a8b5554871")
    noon = datetime(2024, 5, 8, 14, tzinfo=timezone(timedelta(hours=2)))
    item = {"valid_from": noon, "metadata": {"at": [noon], "filter": noon, "sum": Decimal("1.10")}}
    assert plain([one, uuid_utils.UUID(str(one)), date(2024, 5, 8), Decimal(3)]) == [
        str(one), str(one), "2024-05-08", 3,
    ]  # fmt: skip
    text = "2024-05-08T12:00:00Z"
    assert plain(item) == {
        "valid_from": noon,
        "metadata": {"at": [text], "filter": text, "sum": 1.1},
    }
    assert plain({"created": {"gte": noon}}, name="filter") == {"created": {"gte": text}}


@pytest.mark.parametrize(
    "value",
    [Decimal("0.1000000000000000000001"), Decimal("NaN"), datetime(2024, 5, 8)],  # noqa: DTZ001
)
def test_what_would_have_to_be_guessed_is_refused(value: Any) -> None:
    with pytest.raises(InvalidInput, match=r"no number|no time zone"):
        plain({"metadata": {"value": value}})


@pytest.mark.parametrize("name", ["metadata", "filter"])
@pytest.mark.parametrize("time", [BEFORE, BEHIND])
def test_a_time_that_utc_has_not_is_refused(time: datetime, name: str) -> None:
    with pytest.raises(InvalidInput, match="outside the years 1 to 9999"):
        plain({"at": [time]}, name=name)


def test_what_is_nested_without_end_is_refused() -> None:
    endless: list[Any] = [Liar("a")]
    endless += [endless, endless]
    too_deep: list[Any] = [endless, nested(3000)]
    for value in too_deep:
        with pytest.raises(InvalidInput, match="nested deeper"):
            plain(value)
