"""Names that become segments of scopes."""

from __future__ import annotations

import pytest

from memos.infrastructure.transfer.importers.turns import segment
from memos.kernel.scope import check_scope


@pytest.mark.parametrize(
    "name", ["alice", "alice@example.org", "Bob Øst", "a/b", "..", ".", "", "日本", "-", "x" * 3000]
)
def test_every_name_is_one_segment_and_no_two_are_the_same(name: str) -> None:
    told = segment(name)
    check_scope(f"acme/{told}")
    assert "/" not in told
    assert told != segment(f"{name} ")
    assert told == segment(name)


def test_a_name_that_fits_stays_as_it_is() -> None:
    assert segment("alice@example.org") == "alice@example.org"
