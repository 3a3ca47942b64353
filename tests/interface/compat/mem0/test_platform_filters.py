"""The filters of mem0's platform, in the grammar of its SDK."""

from __future__ import annotations

from typing import Any

import pytest

from memos import InvalidInput
from memos.interface.compat.mem0.filters import select
from memos.interface.compat.mem0.platform_filters import (
    created_between,
    entities_named,
    filters_in_address,
    sdk_filter,
    time_from,
)


def test_a_key_of_the_metadata_is_never_a_field_or_an_entity() -> None:
    grammar = sdk_filter({"metadata": {"user_id": "thief", "created_at": "x"}, "user_id": "alice"})
    selected = select(grammar.filters, "acme", grammar.fields)
    assert selected.scopes == ("acme/user:alice",)
    told = str(selected.filter)
    assert "metadata.'user_id'" in told
    assert "metadata.'created_at'" in told
    assert "thief" not in str(selected.scopes)


def test_a_day_is_whole_and_a_moment_is_one() -> None:
    assert created_between("2026-01-01", "2026-01-31") == [
        {"created_at": {"gte": "2026-01-01"}},
        {"created_at": {"lt": "2026-02-01"}},
    ]
    assert created_between(None, "2026-01-31T12:00:00Z") == [
        {"created_at": {"lte": "2026-01-31T12:00:00Z"}}
    ]
    assert created_between(None, "9999-12-31") == [{"created_at": {"lte": "9999-12-31"}}]


@pytest.mark.parametrize("seconds", [float("nan"), 1e300, 10**30, -(10**30)])
def test_seconds_that_are_no_time_are_refused(seconds: float) -> None:
    with pytest.raises(InvalidInput, match="no time"):
        time_from(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "{'a': b}",
        "__import__('os')",
        "(" * 5_000,
        "-" * 50_000 + "1",
        "\x00",
        "{1:" * 9_000,
    ],
)
def test_filters_in_an_address_that_cannot_be_read_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        filters_in_address(text)


@pytest.mark.parametrize(
    "filters",
    [{"n": "1"}, {"user_id": True}, {"user_id": ["a"]}, {"AND": [{"user_id": "a"}]}, {1: "a"}],
)
def test_what_does_not_say_whose_is_refused(filters: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput, match="whose"):
        entities_named(filters, {})
