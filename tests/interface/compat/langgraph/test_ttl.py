"""Times to live: when they end, and what renews them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from langgraph.store.base import TTLConfig

from memos import InvalidInput
from memos.compat.langgraph import MemosStore
from tests.waiting import wait_until

NS = ("docs",)
MINUTE = 60_000_000


class Clock:
    """A clock that a test sets forward, in minutes."""

    def __init__(self) -> None:
        self.now = int(datetime(2026, 1, 1, tzinfo=UTC).timestamp() * 1_000_000)

    def __call__(self) -> int:
        return self.now

    def forward(self, minutes: float) -> None:
        self.now += int(minutes * MINUTE)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(vault: Path, clock: Clock) -> Iterator[MemosStore]:
    made = opened(vault, clock, {"default_ttl": 10})
    yield made
    made.close()


def opened(vault: Path, clock: Clock, ttl: TTLConfig) -> MemosStore:
    return MemosStore(vault, scope="acme/store", ttl=ttl, actor="agent:alice", clock=clock)


def is_there(store: MemosStore, key: str = "key") -> bool:
    return store.get(NS, key, refresh_ttl=False) is not None


def uses(store: MemosStore) -> int:
    return sum(cube.uses for cube in store.memory.list(scope="acme"))


def test_an_item_ends_by_itself_and_reads_as_deleted(store: MemosStore, clock: Clock) -> None:
    store.put(NS, "key", {"text": "pottery"})
    clock.forward(9)
    assert is_there(store)
    clock.forward(2)
    assert not is_there(store)
    assert store.search(NS) == []
    assert store.search(NS, query="pottery") == []
    assert store.list_namespaces() == []


def test_a_put_says_how_long_and_none_is_for_ever(store: MemosStore, clock: Clock) -> None:
    store.put(NS, "short", {"n": 1}, ttl=0.5)
    store.put(NS, "ever", {"n": 1}, ttl=None)
    clock.forward(1)
    assert not is_there(store, "short")
    clock.forward(1_000_000)
    assert is_there(store, "ever")


def test_a_put_counts_anew_and_may_take_the_end_away(store: MemosStore, clock: Clock) -> None:
    store.put(NS, "key", {"n": 1})
    clock.forward(9)
    store.put(NS, "key", {"n": 2})
    clock.forward(9)
    assert is_there(store)
    store.put(NS, "key", {"n": 3}, ttl=None)
    clock.forward(1_000)
    assert is_there(store)


def test_reads_renew_unless_they_say_otherwise(store: MemosStore, clock: Clock) -> None:
    for key in ("got", "looked at", "found", "listed"):
        store.put(NS, key, {"text": key})
    clock.forward(9)
    store.get(NS, "got")
    store.get(NS, "looked at", refresh_ttl=False)
    store.search(NS, filter={"text": "listed"})
    store.search(NS, filter={"text": "looked at"}, refresh_ttl=False)
    store.search(NS, query="found", limit=1)
    wait_until(lambda: uses(store) == 3)  # a use is noted behind the read
    clock.forward(9)
    alive = {item.key for item in store.search(NS, refresh_ttl=False)}
    assert alive == {"got", "found", "listed"}


def test_a_store_whose_reads_do_not_renew_renews_where_a_read_asks_for_it(
    vault: Path, clock: Clock
) -> None:
    with opened(vault, clock, {"default_ttl": 10, "refresh_on_read": False}) as store:
        for key in ("asked", "read"):
            store.put(NS, key, {"text": key})
        clock.forward(9)
        store.get(NS, "read")
        store.get(NS, "asked", refresh_ttl=True)
        clock.forward(9)
        assert not is_there(store, "read")
        assert is_there(store, "asked")


def test_a_key_that_ended_is_put_anew_before_and_after_the_sweep(
    store: MemosStore, clock: Clock
) -> None:
    for number in range(2):
        store.put(NS, "key", {"n": number})
        clock.forward(11)
        if number:
            store.memory.sweep()
        assert not is_there(store)
    store.put(NS, "key", {"n": 2})
    item = store.get(NS, "key")
    assert item is not None
    assert item.value == {"n": 2}
    assert len(store.search(NS)) == 1


def test_a_sweeper_runs_as_the_configuration_says(vault: Path, clock: Clock) -> None:
    with opened(vault, clock, {"default_ttl": 10}) as store:
        store.put(NS, "key", {"n": 1})
        cube_id = store.item_id(NS, "key")
        assert cube_id is not None
    clock.forward(11)
    with opened(vault, clock, {"sweep_interval_minutes": 1}) as store:
        wait_until(lambda: store.memory.history(cube_id)[-1].entry.kind == "Expired")
        assert store.memory.history(cube_id)[-1].state == "Archived"


@pytest.mark.parametrize("ttl", [{"default": 1}, {"omit_expired": False}])
def test_a_configuration_that_is_not_followed_is_refused(
    vault: Path, ttl: TTLConfig, clock: Clock
) -> None:
    with pytest.raises(InvalidInput):
        opened(vault, clock, ttl)


@pytest.mark.parametrize("minutes", [0, -1, float("nan"), float("inf")])
def test_a_time_to_live_that_is_none_is_refused(store: MemosStore, minutes: float) -> None:
    with pytest.raises(InvalidInput):
        store.put(NS, "key", {"n": 1}, ttl=minutes)
    assert not is_there(store)
