"""Scopes: paths whose first segment is the tenant."""

from __future__ import annotations

import pytest

from memos.kernel.errors import InvalidInput
from memos.kernel.scope import (
    MAX_BYTES,
    MAX_SEGMENTS,
    bounds_under,
    check_scope,
    common_scope,
    contains,
    path_prefixes,
    tenant_of,
)

PATHS = ["acme", "acme/a", "acme/a/b", "acme/a-b", "acme/a.b", "acme/a0", "acme/ab", "acme2/a"]


def test_the_tenant_is_the_first_segment() -> None:
    assert [tenant_of(scope) for scope in ("acme", "acme/alice/chat-7", "")] == ["acme", "acme", ""]


@pytest.mark.parametrize(
    "scope",
    [
        "acme",
        "acme/alice/chat-7",
        "a.c_m-e:1@x/Z9",
        "/".join("a" * MAX_SEGMENTS),
        "a" * MAX_BYTES,
        "acme/...",
        "acme/zoë",
        "株式会社/田中",
        "acme/auth0|5f7c/team+1",
        "acme/हिन्दी",
    ],
)
def test_a_path_of_plain_segments_is_a_scope(scope: str) -> None:
    assert check_scope(scope) == scope


@pytest.mark.parametrize(
    "scope",
    [
        "",
        "/",
        "/acme",
        "acme/",
        "acme//a",
        "acme/.",
        "acme/..",
        "acme/a b",
        "acme/a,b",
        "acme/🎉",
        "acme/a\n",
        "acme\\a",
        "/".join("a" * (MAX_SEGMENTS + 1)),
        "a" * (MAX_BYTES + 1),
        None,
        7,
        b"acme",
    ],
)
def test_anything_else_is_refused(scope: object) -> None:
    with pytest.raises(InvalidInput, match="is no scope"):
        check_scope(scope)


def test_what_is_no_scope_is_told_with_what_a_scope_is_and_an_example() -> None:
    with pytest.raises(InvalidInput) as refused:
        check_scope("acme//a")
    assert str(refused.value) == (
        "'acme//a' is no scope, for a segment of it is empty: a scope is 1 to 16 segments of "
        "letters, digits, '.', '_', '-', ':', '@', '+' and '|' joined by '/', such as "
        "acme/alice/chat-7"
    )


def test_the_character_that_no_scope_has_is_named() -> None:
    with pytest.raises(InvalidInput, match=r"for ' ' \(U\+0020\) stands in none"):
        check_scope("acme/a b")


def test_letters_that_look_alike_are_alike() -> None:
    assert check_scope("acme/zoe\u0308") == check_scope("acme/zoë") == "acme/zoë"


def test_a_scope_contains_itself_and_what_continues_it_by_whole_segments() -> None:
    assert [path for path in PATHS if contains("acme/a", path)] == ["acme/a", "acme/a/b"]
    assert [path for path in PATHS if contains("acme", path)] == PATHS[:-1]


def test_the_bounds_hold_exactly_what_lies_under_a_scope() -> None:
    for scope in PATHS:
        first, end = bounds_under(scope)
        between = [path for path in PATHS if first <= path < end]
        assert between == [path for path in PATHS if contains(scope, path) and path != scope]


def test_the_prefixes_of_a_path_are_those_that_contain_it_shortest_first() -> None:
    assert path_prefixes("acme/a/b") == ["acme", "acme/a", "acme/a/b"]
    assert path_prefixes("acme") == ["acme"]
    assert all(contains(prefix, "acme/a/b") for prefix in path_prefixes("acme/a/b"))


def test_the_common_scope_ends_where_segments_differ() -> None:
    assert common_scope(["acme/alice/chat-7", "acme/alice/chat-70"]) == "acme/alice"
    assert common_scope(["acme/alice"]) == "acme/alice"
    assert common_scope(["acme", "acme/bob"]) == "acme"
    assert common_scope(["acme/a/b/c", "acme/a/b", "acme/a/b/d"]) == "acme/a/b"


def test_nothing_is_common_to_two_tenants() -> None:
    with pytest.raises(
        InvalidInput, match=r"^the cubes belong to different tenants: .* brought together$"
    ):
        common_scope(["acme/alice", "zeta/alice"])
