"""SIGKILL of a worker between each pair of steps of a batch: nothing is lost, nothing done twice."""

from __future__ import annotations

import time

import pytest

from memos import Memory
from tests.fleet import Fleet
from tests.kill.load import ACTOR
from tests.kill.trial import PATIENCE_SECONDS, Trial, caught_up, check_projections
from tests.kill.worker import CALL, STEP

ITEMS = 16
STEPS = [
    ("fold", "amid the records"),
    ("fold", "after the consequences"),
    ("index", "after the spans"),
]
OTHER_STEPS = [
    ("fold", "before the records"),
    ("fold", "after the records"),
    ("fold", "after the heads"),
    ("fold", "after the checkpoint"),
    ("index", "before the spans"),
    ("index", "after the index's checkpoint"),
]


@pytest.mark.parametrize(
    ("worker", "step"),
    [*STEPS, *(pytest.param(*step, marks=pytest.mark.soak) for step in OTHER_STEPS)],
)
def test_a_worker_killed_between_two_steps_loses_nothing(
    fleet: Fleet, worker: str, step: str
) -> None:
    trial = Trial(fleet, ITEMS)
    fleet.stop(worker)
    doomed = fleet.start(
        worker,
        name="doomed",
        program="tests.kill.worker",
        environment={STEP: step, CALL: "2" if worker == "index" else "1"},
        options=["--instance", worker],
    )
    trial.begin()
    assert doomed.wait(PATIENCE_SECONDS) == -9, fleet.told()
    killed = time.monotonic()
    fleet.start(worker, options=["--instance", worker])  # as a supervisor does, at once
    caught_up(fleet)
    seconds = time.monotonic() - killed
    trial.end()
    duplicates = trial.check(f"{worker} killed {step}", seconds=seconds)
    if step == "after the consequences":
        assert duplicates >= 1


def test_after_all_kills_a_rebuild_gives_the_same_vault(fleet: Fleet) -> None:
    trial = Trial(fleet, 3)
    trial.begin()
    trial.end()
    check_projections(fleet)
    with Memory(fleet.path, actor=ACTOR) as memory:
        digest = memory.digest()
        rebuilt = memory.rebuild()
        assert (rebuilt.digest, rebuilt.undecodable, rebuilt.unreadable) == (digest, (), ())
        assert memory.digest() == digest
    trial.check("rebuilt after all kills of workers")
