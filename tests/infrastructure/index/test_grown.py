"""Columns that grow: what is put behind moves nothing, and what is shown stays as it was."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from memos.infrastructure.index.grown import Grown, grown
from tests.infrastructure.index.sqlite.support import Vault, change

Rows = tuple[npt.NDArray[np.int64], npt.NDArray[np.void]]


def rows(docs: Sequence[int], first: int = 0) -> Rows:
    """Rows whose second column tells each from all others."""
    names = np.arange(first, first + len(docs), dtype=np.int64).repeat(2)
    return np.array(docs, np.int64), names.view("V16")


def told(value: Grown) -> list[tuple[int, bytes]]:
    docs, names = value.columns
    return list(zip(docs.tolist(), names.tolist(), strict=True))


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.lists(st.integers(0, 9), max_size=4).map(sorted)),
        st.tuples(st.just("drop"), st.lists(st.integers(0, 30), max_size=3, unique=True)),
        st.tuples(st.just("branch"), st.lists(st.integers(0, 9), max_size=4).map(sorted)),
    ),
    max_size=12,
)


@given(steps)
def test_what_grows_is_sorted_and_what_was_shown_stays(taken: list[tuple[str, list[int]]]) -> None:
    value, expected = grown(rows([])), list[tuple[int, bytes]]()
    shown: list[tuple[Grown, list[tuple[int, bytes]]]] = []
    for number, (step, given_) in enumerate(taken):
        if step == "drop":
            places = sorted(place for place in given_ if place < len(expected))
            value = value.without(np.array(places, np.int64))
            expected = [row for place, row in enumerate(expected) if place not in places]
        else:
            new = rows(given_, 100 * number)
            both = expected + told(grown(new))
            other = value.with_rows(new)
            expected_after = sorted(both, key=lambda row: row[0])
            assert told(other) == expected_after
            if step == "add":
                value, expected = other, expected_after
        shown.append((value, expected))
    for before, was in shown:
        assert told(before) == was


def test_what_is_put_behind_moves_nothing() -> None:
    value = grown(rows(range(1_000))).with_rows(rows([1_000]))
    after = value.with_rows(rows([1_000, 1_001]))
    assert all(map(np.shares_memory, value.columns, after.columns))
    beside = value.with_rows(rows([1_005]))
    assert (after.columns[0][-2:].tolist(), beside.columns[0][-1]) == ([1_000, 1_001], 1_005)


def test_a_column_is_changed_for_whoever_asked_alone() -> None:
    value = grown(rows(range(9))).with_rows(rows([9]))
    changed = value.with_column(0, np.arange(10, 20))
    assert value.columns[0].tolist() == list(range(10))
    assert changed.with_rows(rows([20])).columns[0].tolist() == list(range(10, 21))
    assert value.with_rows(rows([10])).columns[0].tolist() == list(range(11))


@pytest.mark.parametrize("changed", [False, True])
def test_a_view_after_an_add_is_the_one_before_and_what_is_new(
    tmp_path: Path, changed: bool
) -> None:
    vault = Vault(tmp_path / "vault.db")
    vault.apply(*(change(n, n, [7]) for n in range(1, 200)))
    if changed:
        vault.index.view("acme")
        vault.apply(change(3, 200, [8]))
    vault.index.view("acme")
    vault.apply(change(301, 301, [7]))
    before = vault.index.view("acme")
    vault.apply(change(302, 302, [7]))
    after = vault.index.view("acme")
    assert len(after) == len(before) + 1 == 201
    for name in ("doc", "opened", "closed", "state", "length", "session", "valid_from"):
        assert np.shares_memory(getattr(before, name), getattr(after, name))
