"""Filters: the same as LangGraph's own store gives, and as far as possible by the vault's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langgraph.store.memory import InMemoryStore

from memos import InvalidInput
from memos.compat.langgraph import MemosStore
from memos.interface.compat.langgraph.filters import fits, pushed_filter
from memos.operation.search.filters import compile_filter

VALUES: list[dict[str, Any]] = [
    {"color": "red", "n": 1, "score": 4.5, "tags": ["a", "b"], "place": {"city": "Hove", "n": 1}},
    {"color": "blue", "n": 2, "score": 3.0, "tags": ["a"], "place": {"city": "Oslo"}},
    {"color": "green", "n": 3, "score": 5, "tags": [], "none": None, "it's": 1, 'say "x"': 2},
    {"color": "red", "n": 0, "score": -1, "flag": True, "a.b": 1, "when": "2024-01-01"},
    {"color": None, "n": 10**20, "score": 0, "flag": False, "when": "2024-01-01T00:00+00:00"},
]

SAME_AS_LANGGRAPH: list[dict[str, Any]] = [
    {"color": "red"},
    {"color": {"$eq": "red"}},
    {"color": {"$ne": "red"}},
    {"n": {"$gt": 1}},
    {"n": {"$gte": 1, "$lt": 3}},
    {"score": {"$lte": 3}},
    {"color": "red", "n": {"$gt": 0}},
    {"place": {"city": "Hove"}},
    {"tags": ["a", "b"]},
    {"tags": "a"},
    {"tags": {"$ne": ["a"]}},
    {"none": None},
    {"missing": None},
    {"missing": {"$ne": 1}},
    {"it's": 1},
    {'say "x"': 2},
    {"a.b": 1},
    {"when": "2024-01-01"},
]


@pytest.fixture(scope="module")
def stores(tmp_path_factory: pytest.TempPathFactory) -> Any:
    made = MemosStore(tmp_path_factory.mktemp("filters") / "v", scope="acme", actor="agent:alice")
    peer = InMemoryStore()
    for number, value in enumerate(VALUES):
        made.put(("docs",), str(number), value)
        peer.put(("docs",), str(number), value)
    yield made, peer
    made.close()


def found(store: Any, condition: dict[str, Any]) -> list[str]:
    return sorted(item.key for item in store.search(("docs",), filter=condition, limit=100))


@pytest.mark.parametrize("condition", SAME_AS_LANGGRAPH, ids=str)
def test_a_filter_finds_what_langgraphs_own_store_finds(
    stores: Any, condition: dict[str, Any]
) -> None:
    made, peer = stores
    assert found(made, condition) == found(peer, condition)


def test_true_is_no_one_and_a_text_no_number(stores: Any) -> None:
    made, _ = stores
    assert found(made, {"flag": 1}) == []
    assert found(made, {"flag": True}) == ["3"]
    assert found(made, {"n": {"$gt": "0"}}) == []
    assert found(made, {"color": {"$gte": "green"}}) == ["0", "2", "3"]


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"n": {"$regex": "x"}}, "not known"),
        ({"n": {"$gt": None}}, "compares numbers or texts"),
        ({"n": {"$gt": True}}, "compares numbers or texts"),
        ({"": 1}, "cannot be filtered by"),
        ({"'\"": 1}, "cannot be filtered by"),
    ],
)
def test_a_filter_that_is_not_understood_is_an_error(
    stores: Any, condition: dict[str, Any], told: str
) -> None:
    with pytest.raises(InvalidInput, match=told):
        found(stores[0], condition)
    with pytest.raises(InvalidInput, match=told):
        stores[0].search(("docs",), query="red", filter=condition)


SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 3),
    st.floats(-3, 3),
    st.sampled_from(["", "a", "2024-01-01", "2024-01-01T00:00+00:00", "é", "e\u0301"]),
)
NAMES = st.sampled_from(["a", "b", "it's", "a.b"])
INNER = st.recursive(SCALARS, lambda each: st.lists(each, max_size=2), max_leaves=3)
STORED = st.dictionaries(
    NAMES, st.one_of(INNER, st.dictionaries(NAMES, INNER, max_size=2)), max_size=3
)
NUMBERS = st.one_of(st.integers(-3, 3), st.floats(-3, 3))
TESTS = st.one_of(
    INNER,
    st.fixed_dictionaries(
        {}, optional={"$eq": INNER, "$ne": INNER, "$gt": NUMBERS, "$lte": NUMBERS}
    ),
    st.dictionaries(NAMES, SCALARS, min_size=1, max_size=2),
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(STORED, st.dictionaries(NAMES, TESTS, max_size=2))
def test_what_the_vault_is_asked_for_leaves_out_nothing_that_fits(
    stored: dict[str, Any], condition: dict[str, Any]
) -> None:
    cube: Any = SimpleNamespace(cube_id="1", metadata={"value": stored})
    pushed = pushed_filter(condition, "metadata.value")
    if fits(stored, condition) and pushed is not None:
        assert compile_filter(pushed)(cube)
