"""mem0's entities as scopes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos import InvalidInput
from memos.interface.compat.mem0.entities import ENTITIES, entities_from, entities_of, scope_of

BASE = "acme/mem0"
IDS = st.text(st.characters(codec=None, exclude_categories=["Z", "C"]), min_size=1, max_size=8)


@given(st.dictionaries(st.sampled_from(ENTITIES), IDS))
def test_entities_come_back_from_their_scope_whatever_their_order(given_: dict[str, str]) -> None:
    entities = entities_from(given_)
    assert entities == given_
    assert entities_of(BASE, scope_of(BASE, given_)) == given_


@pytest.mark.parametrize(
    ("scope", "entities"),
    [
        ("acme/mem0/user:alice/chat-7", {"user_id": "alice"}),
        ("acme/mem0/messages/user:alice", {}),
        ("acme/mem0/user:+FF", {}),
        ("acme/other/user:alice", {}),
        ("acme/mem0", {}),
    ],
)
def test_a_scope_is_of_the_entities_that_it_begins_with(
    scope: str, entities: dict[str, str]
) -> None:
    assert entities_of(BASE, scope) == entities


@pytest.mark.parametrize("value", ["", " ", "a b", "a\tb", None, True, 1.5, ["a"]])
def test_an_id_that_is_none_is_refused(value: object) -> None:
    with pytest.raises(InvalidInput, match="Invalid user_id"):
        entities_from({"user_id": value if value is not None else object()})
