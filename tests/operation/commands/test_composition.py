from __future__ import annotations

from memos.operation.commands.composition import join_texts, merge_texts


def test_an_addition_stands_on_a_line_of_its_own() -> None:
    assert join_texts("a", "b") == "a\nb"
    assert join_texts("", "b") == "b"


def test_a_merge_has_every_line_once_in_order() -> None:
    assert merge_texts("a\nb", "b\nc", "a") == "a\nb\nc"
    assert merge_texts() == ""
