"""SIGKILL of the producer and of the servers, and a worker that is stopped or joined by another."""

from __future__ import annotations

import signal
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from secrets import token_hex
from typing import Literal

import pytest

from memos import Memory, NotApplied, VaultError
from memos.infrastructure.servers import LocalServers
from tests.fleet import REQUEST_SECONDS, Fleet
from tests.kill.load import ACTOR
from tests.kill.trial import PATIENCE_SECONDS, Trial, caught_up, check_projections, log_end
from tests.scenarios.place import read
from tests.waiting import wait_until

ITEMS = 40
DOWN_SECONDS = 5.0
BEYOND_THE_SESSION = 14.0
"""Seconds; a worker that is silent for ten has lost its partitions."""


def impatient(fleet: Fleet) -> Path:
    """The vault's settings, for who does not wait long for Kafka."""
    path = fleet.directory / "impatient.toml"
    path.write_text(fleet.path.read_text().replace("[kafka]\n", "[kafka]\ntimeout = 3.0\n"))
    return path


def test_a_producer_killed_amid_its_writes_does_each_once(fleet: Fleet) -> None:
    trial = Trial(fleet, ITEMS)
    for count in (5, 25):
        load = trial.begin()
        trial.await_acknowledged(count)
        load.kill()
        load.wait()
    killed = time.monotonic()
    trial.begin()
    trial.end()
    trial.check("producer killed", seconds=time.monotonic() - killed)


@pytest.mark.parametrize("server", ["kafka", "cassandra"])
def test_a_server_killed_under_load_loses_nothing_that_was_acknowledged(
    fleet: Fleet, servers: LocalServers, server: Literal["kafka", "cassandra"]
) -> None:
    trial = Trial(fleet, ITEMS)
    trial.begin()
    trial.await_acknowledged(10)
    servers.kill(server)
    killed = time.monotonic()
    time.sleep(DOWN_SECONDS)
    with pytest.raises(VaultError, match=servers.address(server)) as refused:
        Memory(impatient(fleet), actor=ACTOR)
    assert "memos doctor" in str(refused.value)
    servers.start(server)
    back = time.monotonic()
    caught_up(fleet)
    caught = time.monotonic()
    trial.end()
    trial.check(f"{server} killed", seconds=caught - killed, after_it_was_back=caught - back)
    for told in trial.errors:
        message = told["message"]
        names = servers.address(server) in message or "worker" in message
        assert names, message
        advice = ("again", "retry", "see ", "running")
        assert any(word in message for word in advice), message


def test_a_store_that_ends_under_a_writer_does_not_call_a_durable_write_undone(
    fleet: Fleet, servers: LocalServers
) -> None:
    path = fleet.directory / "hurried.toml"
    patient = f"request_timeout = {REQUEST_SECONDS}"
    assert patient in fleet.path.read_text()
    path.write_text(fleet.path.read_text().replace(patient, "request_timeout = 2"))
    fleet.stop("fold")  # the writer waits for it
    with Memory(path, actor=ACTOR) as memory, ThreadPoolExecutor(1) as threads:
        before = log_end(memory)
        adding = threads.submit(memory.add, "durable", scope=f"t{token_hex(4)}/a")
        wait_until(lambda: log_end(memory) != before, "the log has it")
        servers.pause("cassandra")
        try:
            with pytest.raises(NotApplied, match=r"is durable, at .* It needs no retry") as told:
                adding.result()
        finally:
            servers.resume("cassandra")
            fleet.start("fold")
        for position in told.value.positions:
            memory.wait_for(position, seconds=PATIENCE_SECONDS)
        (cube_id,) = told.value.cube_ids
        assert read(memory, cube_id).text == "durable"


@pytest.mark.soak
def test_a_worker_that_joins_and_leaves_under_load_changes_nothing(fleet: Fleet) -> None:
    trial = Trial(fleet, ITEMS)
    trial.begin()
    trial.await_acknowledged(5)
    joined = time.monotonic()
    fleet.start("fold", name="second fold")
    fleet.await_said("second fold", "goes on from")
    fleet.stop("second fold")
    trial.end()
    caught_up(fleet)
    trial.check("a second fold joined and left", seconds=time.monotonic() - joined)


@pytest.mark.soak
def test_a_worker_stopped_for_longer_than_its_session_does_no_harm_when_it_wakes(
    fleet: Fleet,
) -> None:
    trial = Trial(fleet, ITEMS)
    trial.begin()
    trial.await_acknowledged(5)
    fleet.start("fold", name="second fold")
    fleet.await_said("second fold", "goes on from")
    sleeper = fleet.process("fold")
    sleeper.send_signal(signal.SIGSTOP)
    stopped = time.monotonic()
    caught_up(fleet)  # only the other one can do that
    caught = time.monotonic()
    time.sleep(max(BEYOND_THE_SESSION - (caught - stopped), 0))
    sleeper.send_signal(signal.SIGCONT)
    trial.end()
    caught_up(fleet)
    trial.check("fold stopped beyond its session", seconds=caught - stopped)
    fleet.stop("second fold")
    assert sleeper.poll() is None
    check_projections(fleet)
