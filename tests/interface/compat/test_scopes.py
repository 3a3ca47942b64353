"""Names of other worlds as segments of scopes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos import InvalidInput
from memos.interface.compat.scopes import name_of, names_under, scope_under, segment_of
from memos.kernel.scope import check_scope

ANYTHING = st.text(alphabet=st.characters(codec=None), max_size=20)


@given(ANYTHING)
def test_a_name_comes_back_from_its_segment_and_the_segment_stays_as_it_is(name: str) -> None:
    segment = segment_of(name)
    assert name_of(segment) == name
    assert check_scope(f"acme/{segment}") == f"acme/{segment}"


@given(ANYTHING, ANYTHING)
def test_two_names_never_share_a_segment(one: str, other: str) -> None:
    assert (segment_of(one) == segment_of(other)) == (one == other)


@given(st.lists(ANYTHING, max_size=5))
def test_names_come_back_from_their_scope(names: list[str]) -> None:
    assert names_under("acme/store", scope_under("acme/store", names)) == tuple(names)


@pytest.mark.parametrize(
    ("name", "segment"),
    [
        ("alice@example.org", "alice@example.org"),
        ("Мария", "Мария"),
        ("a/b", "a+2Fb"),
        ("a+b", "a+2Bb"),
        ("", "+"),
        ("..", "+2E+2E"),
        ("e\u0301", "e+CC+81"),  # as U+00E9 it would be another name's segment
        ("\ud800", "+ED+A0+80"),
    ],
)
def test_names_that_people_give_can_be_read_in_a_scope(name: str, segment: str) -> None:
    assert segment_of(name) == segment


@pytest.mark.parametrize(
    "scope", ["acme/other", "acme/store/a+2fb", "acme/store/+FF", "acme/storey"]
)
def test_a_scope_that_no_names_made_has_none(scope: str) -> None:
    assert names_under("acme/store", scope) is None


def test_names_too_deep_or_no_texts_are_refused() -> None:
    with pytest.raises(InvalidInput, match="segments"):
        scope_under("acme/store", ["deep"] * 15)
    with pytest.raises(InvalidInput, match="no text"):
        segment_of(7)  # type: ignore[arg-type]
