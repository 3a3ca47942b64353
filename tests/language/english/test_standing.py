from __future__ import annotations

import pytest

from memos.language.english.standing import standing
from memos.language.indexed_text import INSTRUCTS, PREFERS


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Always answer in French.", INSTRUCTS),
        ("Please never use emoji in my letters.", INSTRUCTS),
        ("From now on, sign as Dr. Ruiz.", INSTRUCTS),
        ("Use metric units when I ask about recipes.", INSTRUCTS),
        ("In the future never mail Leo.", INSTRUCTS),
        ("Going forward, use tabs.", INSTRUCTS),
        ("Each time you mail me, add Leo.", INSTRUCTS),
        ("Don’t ever CALL me before nine.", INSTRUCTS),
        ("Address me as Dr. Ruiz.", INSTRUCTS),
        ("ADDREẞ nobody, and CALL ME Ana.", INSTRUCTS),
        ("I prefer trains to planes.", PREFERS),
        ("I don't eat meat.", PREFERS),
        ("My favourite colour is teal.", PREFERS),
        ("Always be brief; I hate long answers.", INSTRUCTS | PREFERS),
        ("I have always been to that shop on Mondays.", 0),
        ("The train leaves at nine.", 0),
        ("", 0),
    ],
)
def test_what_somebody_wants_from_then_on_is_known(text: str, expected: int) -> None:
    assert standing(text) == expected
