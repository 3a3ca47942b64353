"""mem0's grammar of filters: what it means, where it is looked, and what is refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from memos import InvalidInput
from memos.compat.mem0 import Memory
from memos.interface.compat.mem0.filters import select

BASE = "acme/mem0"
ROWS: list[dict[str, Any]] = [
    {"kind": "Hobby", "n": 1, "tags": ["a", "b"]},
    {"kind": "food", "n": 2.5, "it's": "x"},
    {"kind": "hobby club", "n": 3, "a.b": True},
    {"n": None, "other": 1},
]


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Memory]:
    m = Memory(tmp_path_factory.mktemp("filters") / "v", scope=BASE, actor="agent:alice")
    for number, row in enumerate(ROWS):
        m.add(str(number), user_id="alice", metadata=row)
    m.add("4", user_id="bob", agent_id="bot", metadata={"kind": "food"})
    yield m
    m.close()


def found(m: Memory, condition: dict[str, Any]) -> str:
    listed = m.get_all(filters={"AND": [{"user_id": {"in": ["alice", "bob"]}}, condition]})
    return "".join(sorted(each["memory"] for each in listed["results"]))


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ({"kind": "food"}, "14"),
        ({"kind": {"eq": "food"}}, "14"),
        ({"kind": {"ne": "food"}}, "023"),
        ({"kind": {"in": ["food", "Hobby"]}}, "014"),
        ({"kind": {"nin": ["food", "Hobby"]}}, "23"),
        ({"n": {"gt": 1}}, "12"),
        ({"n": {"gte": 1, "lt": 3}}, "01"),
        ({"n": {"lte": 2.5}}, "01"),
        ({"kind": {"contains": "hobby"}}, "2"),
        ({"kind": {"icontains": "HOBBY"}}, "02"),
        ({"tags": {"contains": "a"}}, "0"),
        ({"tags": {"icontains": "A"}}, "0"),
        ({"kind": "*"}, "0124"),
        ({"it's": "x"}, "1"),
        ({"a.b": True}, "2"),
        ({"OR": [{"kind": "food"}, {"n": 3}]}, "124"),
        ({"AND": [{"kind": "food"}, {"n": {"gte": 2}}]}, "1"),
        ({"NOT": [{"kind": "food"}, {"n": 1}]}, "23"),
        ({"OR": [{"AND": [{"kind": "food"}, {"NOT": [{"n": 2.5}]}]}, {"n": 1}]}, "04"),
        ({"user_id": {"ne": "alice"}}, "4"),
        ({"user_id": {"nin": ["bob"]}}, "0123"),
        ({"user_id": {"contains": "lic"}}, "0123"),
        ({"agent_id": "*"}, "4"),
        ({"agent_id": {"ne": "bot"}}, "0123"),
        ({"created_at": {"gte": "2020-01-01"}}, "01234"),
        ({"updated_at": {"lt": "2020-01-01"}}, ""),
        ({"role": "user"}, "01234"),
    ],
    ids=str,
)
def test_a_filter_holds_of_what_mem0_says(
    full: Memory, condition: dict[str, Any], expected: str
) -> None:
    assert found(full, condition) == expected
    asked = {"AND": [{"user_id": {"in": ["alice", "bob"]}}, condition]}
    hits = full.search("0 1 2 3 4", filters=asked, threshold=0.0)["results"]
    assert "".join(sorted(hit["memory"] for hit in hits)) == expected


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ({"n": {"near": 3}}, "Unsupported metadata filter operator: 'near'"),
        ({"n": {"$gte": 3}}, "Unsupported"),
        ({"n": {}}, "names no operator"),
        ({"n": {"in": 3}}, "takes a list"),
        ({"n": {"in": []}}, "takes a list"),
        ({"n": {"gte": None}}, "compares"),
        ({"OR": []}, "non-empty list"),
        ({"NOT": {"n": 1}}, "non-empty list"),
        ({"AND": [{}]}, "is empty"),
        ({"AND": ["n"]}, "a filter is a dictionary"),
        ({"": 1}, "cannot be filtered by"),
        ({"user_id": None}, "neither a text nor a number"),
        ({"user_id": {"in": [["a"]]}}, "neither a text nor a number"),
        ({"created_at": {"gte": "soon"}}, "is a time"),
    ],
    ids=str,
)
def test_what_is_not_understood_is_an_error(
    full: Memory, condition: dict[str, Any], told: str
) -> None:
    for call in (full.get_all, lambda **given: full.search("x", **given)):
        with pytest.raises(InvalidInput, match=told):
            call(
                filters={"user_id": "alice"} | condition
                if "user_id" not in condition
                else condition
            )


def test_a_user_is_looked_for_in_their_scope_alone() -> None:
    assert select({"user_id": "alice"}, BASE).scopes == (f"{BASE}/user:alice",)
    assert select({"AND": [{"AND": [{"user_id": "a"}]}, {"n": 1}]}, BASE).scopes == (
        f"{BASE}/user:a",
    )
    assert select({"user_id": {"in": ["a", "b"]}}, BASE).scopes == (
        f"{BASE}/user:a",
        f"{BASE}/user:b",
    )
    for wide in (
        {"OR": [{"user_id": "a"}, {"n": 1}]},
        {"NOT": [{"user_id": "a"}]},
        {"agent_id": "b"},
    ):
        assert select(wide, BASE).scopes == (BASE,)


def test_an_agent_is_asked_of_the_index_by_its_tag() -> None:
    selected = select({"agent_id": "bot"}, BASE)
    assert selected.filter is not None
    assert {"tags": "agent:bot"} in selected.filter["and"]
    assert selected.entities == {"agent_id"}


def test_names_that_a_vault_has_others_for_can_be_added() -> None:
    fields = {"keywords": "text", "memory_ids": "cube_id"}
    selected = select({"keywords": {"icontains": "Tea"}}, BASE, fields)
    assert selected.filter is not None
    assert {"text": {"icontains": "Tea"}} in selected.filter["and"]
