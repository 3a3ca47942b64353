"""A signal's handler sets an event at any instant, also while the thread that it interrupts begins a wait."""

from __future__ import annotations

import itertools
import signal
import subprocess
import sys
import threading
import time

import pytest

from memos.infrastructure.signal_event import SignalEvent, set_by

WAITING = """
import signal, sys
from memos.infrastructure.signal_event import SignalEvent
event = SignalEvent()
signal.signal(signal.SIGUSR1, lambda *_: event.set())
print("ready", flush=True)
while not event.wait(0.0001):
    pass
print(event.is_set(), event.wait())
"""


def test_a_signal_at_any_instant_ends_the_wait() -> None:
    for _ in range(20):
        with subprocess.Popen(
            [sys.executable, "-c", WAITING], stdout=subprocess.PIPE, text=True
        ) as waiting:
            assert waiting.stdout is not None
            assert waiting.stdout.readline() == "ready\n"
            waiting.send_signal(signal.SIGUSR1)
            assert waiting.stdout.read() == "True True\n"
            assert waiting.wait(60) == 0


@pytest.mark.parametrize("step", range(1, 12))
def test_it_may_be_set_between_any_two_steps_of_a_wait(step: int) -> None:
    event, steps = SignalEvent(), itertools.count(1)

    def trace(*_: object) -> object:
        if next(steps) == step:
            event.set()
        return trace

    sys.settrace(trace)  # type: ignore[arg-type] # a tracer that returns itself
    try:
        event.wait(0.001)
    finally:
        sys.settrace(None)
    assert event.is_set() == (next(steps) > step)


def test_it_wakes_all_threads_that_wait_and_a_wait_ends_by_its_time() -> None:
    event = SignalEvent()
    begun = time.monotonic()
    assert not event.wait(0.05)
    assert time.monotonic() - begun >= 0.05
    told: list[bool] = []
    threads = [threading.Thread(target=lambda: told.append(event.wait())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(100_000):
        event.set()  # more often than a pipe holds
    for thread in threads:
        thread.join()
    assert told == [True] * 4
    assert event.is_set()


def test_signals_set_it_within_a_block_and_have_their_handlers_back_behind_it() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    for _ in range(3):
        with set_by(signal.SIGUSR1, signal.SIGUSR2) as event:
            assert not event.is_set()
            signal.raise_signal(signal.SIGUSR2)
            assert event.wait(60)
    assert signal.getsignal(signal.SIGUSR1) == before
