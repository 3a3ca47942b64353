"""Calls that go together: each caller gets its answer, whatever happens to the others."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Event, Lock

import pytest

from memos.infrastructure.coalesced import Coalesced

CALLERS = 20
PATIENCE_SECONDS = 60


class Asked:
    """Doubles numbers; the first call goes on until it is let go."""

    def __init__(self) -> None:
        self.calls: list[list[int]] = []
        self.go = Event()
        self.begun = Event()
        self._lock = Lock()

    def __call__(self, numbers: Sequence[int]) -> dict[int, int]:
        with self._lock:
            self.calls.append(list(numbers))
            first = len(self.calls) == 1
        if first:
            self.begun.set()
            assert self.go.wait(PATIENCE_SECONDS)
        if 13 in numbers:
            raise ValueError("13")
        if 99 in numbers:
            raise OSError("away")
        return {number: 2 * number for number in numbers}


def beside(
    asked: Asked, together: Coalesced[int, dict[int, int]], numbers: Sequence[int]
) -> list[object]:
    """What each caller gets of those that come while the first call is under way."""

    def ask(number: int) -> object:
        try:
            return together([number])[number]
        except (ValueError, OSError) as error:
            return error

    with ThreadPoolExecutor(len(numbers) + 1) as threads:
        first = threads.submit(together, [0])
        assert asked.begun.wait(PATIENCE_SECONDS)
        others = [threads.submit(ask, number) for number in numbers]
        while len(together._next.items) < len(numbers):
            pass
        asked.go.set()
        assert first.result() == {0: 0}
        return [other.result() for other in others]


def test_who_comes_while_a_call_is_under_way_goes_together_with_the_next() -> None:
    asked = Asked()
    numbers = [number for number in range(1, CALLERS + 1) if number != 13]
    assert beside(asked, Coalesced(asked), numbers) == [2 * number for number in numbers]
    assert [sorted(call) for call in asked.calls] == [[0], numbers]


def test_what_fails_for_one_fails_for_no_other() -> None:
    asked = Asked()
    one, other, third = beside(asked, Coalesced(asked), [12, 13, 14])
    assert (one, third) == (24, 28)
    assert isinstance(other, ValueError)


def test_an_error_that_is_everybodys_is_asked_for_once() -> None:
    asked = Asked()
    errors = beside(asked, Coalesced(asked, (OSError,)), [98, 99, 100])
    assert [str(error) for error in errors] == ["away"] * 3
    assert len({id(error) for error in errors}) == 3
    assert len(asked.calls) == 2


def test_alone_it_is_asked_as_it_comes() -> None:
    asked = Asked()
    asked.go.set()
    together = Coalesced(asked)
    assert together([1, 2]) == {1: 2, 2: 4}
    with pytest.raises(ValueError, match="13"):
        together([13])
    assert together([3]) == {3: 6}


def test_who_was_interrupted_before_the_call_leaves_it_to_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = Asked()
    asked.go.set()
    together = Coalesced(asked)

    def interrupted(_call: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(together, "_run", interrupted)
        with pytest.raises(KeyboardInterrupt):
            together([1])
    assert together([2]) == {1: 2, 2: 4}
