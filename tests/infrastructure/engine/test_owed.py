"""What erases still owe is kept as a setting."""

from __future__ import annotations

import pytest

from memos.infrastructure.engine.owed import OWED_ERASES, OwedErase, owed_in, owed_to_text
from memos.kernel.errors import Damaged

ONE, OTHER = bytes(15) + b"\1", bytes(15) + b"\2"


def test_what_is_owed_is_read_back() -> None:
    owed = [OwedErase(ONE, frozenset({OTHER})), OwedErase(OTHER)]
    assert owed_in({OWED_ERASES: owed_to_text(owed)}.__getitem__) == owed
    assert owed_in(lambda name: owed_to_text([])) == []


@pytest.mark.parametrize("stored", ["[1", "[1]", '{"no id": []}', '{"no id": 1}', "7"])
def test_a_setting_that_is_none_is_damage(stored: str) -> None:
    with pytest.raises(Damaged, match="owed_erases is damaged"):
        owed_in(lambda name: stored)
