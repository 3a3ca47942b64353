from __future__ import annotations

import pytest

from memos.language.letters import fold


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("CAFÉ", "cafe"),
        ("ﬁne", "fine"),
        ("Straße", "strasse"),
        ("Ana’s ʼn ＇x", "ana's 'n 'x"),
        ("Άθήνα", "αθηνα"),
        ("हिन्दी", "हिन्दी"),
        ("", ""),
    ],
)
def test_what_parts_no_two_words_is_taken_out(text: str, folded: str) -> None:
    assert fold(text) == folded


def test_folding_twice_changes_nothing() -> None:
    once = fold("ÉCOLE ’ ｶﾞｽ İ")
    assert fold(once) == once
