from __future__ import annotations

import pytest

from memos.kernel.errors import InvalidInput
from memos.operation.commands.composition import common_scope, join_texts, merge_texts


def test_an_addition_stands_on_a_line_of_its_own() -> None:
    assert join_texts("a", "b") == "a\nb"
    assert join_texts("", "b") == "b"


def test_a_merge_has_every_line_once_in_order() -> None:
    assert merge_texts("a\nb", "b\nc", "a") == "a\nb\nc"
    assert merge_texts() == ""


def test_the_common_scope_ends_where_segments_differ() -> None:
    assert common_scope(["acme/alice/chat-7", "acme/alice/chat-70"]) == "acme/alice"
    assert common_scope(["acme/alice"]) == "acme/alice"
    assert common_scope(["acme", "acme/bob"]) == "acme"


def test_nothing_is_common_to_two_tenants() -> None:
    with pytest.raises(InvalidInput, match="different tenants"):
        common_scope(["acme/alice", "zeta/alice"])
