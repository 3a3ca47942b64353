"""Token buckets, at a clock of the test's own."""

from __future__ import annotations

import pytest

from memos.interface.http import rate_limit
from memos.interface.http.rate_limit import Rate, TokenBuckets


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_bucket_is_empty_after_its_burst_and_fills_at_its_rate() -> None:
    clock = Clock()
    buckets = TokenBuckets(Rate(refill=2.0, burst=4), clock)
    assert [buckets.take(b"a").remaining for _ in range(4)] == [3, 2, 1, 0]
    empty = buckets.take(b"a")
    assert (empty.remaining, empty.wait, empty.full) == (0, 0.5, 2.0)
    clock.now = 0.5
    assert buckets.take(b"a").wait == 0.0
    assert buckets.take(b"a").wait == 0.5
    clock.now = 1000.0
    assert buckets.take(b"a").remaining == 3


def test_each_caller_has_a_bucket_of_its_own() -> None:
    buckets = TokenBuckets(Rate(refill=1.0, burst=1), Clock())
    assert buckets.take(b"a").wait == 0.0
    assert buckets.take(b"b").wait == 0.0
    assert buckets.take(b"a").wait > 0.0


def test_no_more_buckets_are_kept_than_there_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rate_limit, "MOST_BUCKETS", 10)
    buckets = TokenBuckets(Rate(), Clock())
    for n in range(1000):
        buckets.take(str(n).encode())
    assert len(buckets._buckets) == 10


def test_the_policy_tells_the_burst_and_when_it_is_back() -> None:
    assert Rate.per_second(5).policy == '"key";q=10;w=2'
    assert Rate.per_second(0.1).policy == '"key";q=1;w=10'
