"""Waiting for projections: one look at a time for all threads of a process."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import pytest

from memos.infrastructure.engine.distributed.checkpoint_watch import CheckpointWatch
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.kernel.errors import StoreUnavailable

SECONDS = 60.0


class Checkpoints:
    """Stands for the store: it counts who asks, and how many at once."""

    def __init__(self) -> None:
        self.number = 1
        self.at: dict[str, dict[int, int]] = {}
        self.looks = 0
        self.most_at_once = 0
        self.away = False
        self._inside = 0
        self._lock = threading.Lock()

    def offsets(self, projections: Sequence[str]) -> dict[str, dict[int, int]]:
        with self._lock:
            self.looks += 1
            self._inside += 1
            self.most_at_once = max(self.most_at_once, self._inside)
        try:
            if self.away:
                raise StoreUnavailable("it does not answer")
            return {name: dict(self.at.get(name, {})) for name in projections}
        finally:
            with self._lock:
                self._inside -= 1

    def watch(self) -> CheckpointWatch:
        return CheckpointWatch(lambda: cast(CassandraVault, self))


def test_of_many_who_wait_one_looks_for_all() -> None:
    store = Checkpoints()
    watch = store.watch()
    with ThreadPoolExecutor(30) as threads:
        waiting = [
            threads.submit(watch.until_passed, {"fold": {0: n}, "index": {1: n}}, SECONDS)
            for n in range(1, 31)
        ]
        while store.looks < 3:
            pass
        store.at = {"fold": {0: 30}, "index": {1: 30}}
        assert [one.result(SECONDS) for one in waiting] == [()] * 30
    assert store.most_at_once == 1
    looks = store.looks
    assert watch.until_passed({"fold": {0: 30}}, SECONDS) == ()
    assert store.looks == looks  # what was seen is not asked for again


def test_a_wait_that_ends_in_vain_tells_the_first_look_and_the_last() -> None:
    store = Checkpoints()
    store.at = {"fold": {0: 3}}
    first, last = store.watch().until_passed({"fold": {0: 4}, "index": {0: 4}}, 0.05)
    assert first == last == {"fold": {0: 3}, "index": {}}


def test_whoever_waits_for_nothing_looks_once_at_least() -> None:
    store = Checkpoints()
    store.at = {"fold": {0: 4}}
    assert store.watch().until_passed({"fold": {0: 4}}, 0) == ()


def test_each_is_told_that_the_store_is_away_and_a_later_one_is_not_held_up() -> None:
    store = Checkpoints()
    store.away = True
    watch = store.watch()
    with ThreadPoolExecutor(5) as threads:
        waiting = [threads.submit(watch.until_passed, {"fold": {0: 1}}, SECONDS) for _ in range(5)]
        for one in waiting:
            with pytest.raises(StoreUnavailable):
                one.result(SECONDS)
    store.away, store.at = False, {"fold": {0: 1}}
    assert watch.until_passed({"fold": {0: 1}}, SECONDS) == ()


def test_what_was_seen_of_a_replaced_generation_is_forgotten() -> None:
    store = Checkpoints()
    store.at = {"fold": {0: 9}, "index": {0: 9}}
    watch = store.watch()
    assert watch.until_passed({"fold": {0: 9}, "index": {0: 9}}, SECONDS) == ()
    store.number, store.at = 2, {"fold": {0: 10}, "index": {0: 4}}
    looks: Any = watch.until_passed({"index": {0: 9}}, 0.05)
    assert looks[-1]["index"] == {0: 4}
    assert watch.until_passed({"fold": {0: 10}}, SECONDS) == ()
    looks = watch.until_passed({"index": {0: 9}}, 0.05)
    assert looks[-1]["index"] == {0: 4}
