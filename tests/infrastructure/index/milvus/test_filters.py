from __future__ import annotations

import re

import pytest

from memos.infrastructure.index.milvus.filters import visible, within
from memos.infrastructure.index.milvus.spans import encoded
from memos.kernel.moment import NEWEST, Cutoffs

NAMES = ["acme/a", 'a"c', "a'c", "a\\c", "50%_off", "été/日本", "a\nb", "\udcff", 'x" or "" == "']


@pytest.mark.parametrize("name", NAMES)
def test_a_scope_is_held_without_anything_that_a_filter_would_read(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9_.~%/-]+", encoded(name))


def test_two_scopes_are_never_held_alike() -> None:
    assert len({encoded(name) for name in [*NAMES, "50%25_off", "%35"]}) == len(NAMES) + 2


def test_the_newest_moment_shows_spans_without_an_end() -> None:
    condition = visible("acme", NEWEST)
    assert condition is not None
    assert f"opened <= {2**62 - 1} and closed > {2**62 - 1}" in condition


def test_a_cut_is_a_clause_for_each_partition_that_it_reaches() -> None:
    condition = visible("acme", Cutoffs((7, -1, 9)))
    assert condition == (
        f"{within('acme')} and ((partition == 0 and opened <= 7 and closed > 7)"
        " or (partition == 2 and opened <= 9 and closed > 9))"
    )


def test_several_scopes_are_those_and_no_more() -> None:
    assert within(("acme/a", "acme/b")) == (
        'tenant == "acme" and (scope == "acme/a" or (scope > "acme/a/" and scope < "acme/a0")'
        ' or scope == "acme/b" or (scope > "acme/b/" and scope < "acme/b0"))'
    )
    assert within(("acme",)) == within("acme")


@pytest.mark.parametrize("at", [-1, Cutoffs(), Cutoffs((-1, -1))])
def test_before_the_first_record_there_is_nothing_to_ask_for(at: int | Cutoffs) -> None:
    assert visible("acme", at) is None
