"""Training that is killed goes on where it was, and ends with the same bytes."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from memos.kernel.errors import DistillationRefused
from memos.parametric.checkpoint import SUFFIX
from tests.parametric.jobs import distiller, facts_of, job_of, memories

SEAL = b"s" * 32
STEPS = 6
KILLED_AT = 3

_TRAIN = f"""
import os, signal, sys, torch
from pathlib import Path
from tests.parametric.jobs import distiller, facts_of, job_of, memories
torch.set_num_threads(1)
def progress(done, total):
    if done == {KILLED_AT}:
        os.kill(os.getpid(), signal.SIGKILL)
job = job_of(memories(facts_of(1)), seal={SEAL!r}, steps={STEPS})
distiller(Path(sys.argv[1]), checkpoint_seconds=0.0).distil(job, progress)
"""


def test_training_that_was_killed_ends_with_the_bytes_of_training_that_was_not(
    tmp_path: Path,
) -> None:
    job = job_of(memories(facts_of(1)), seal=SEAL, steps=STEPS)
    whole = distiller().distil(job)
    killed = subprocess.run([sys.executable, "-c", _TRAIN, str(tmp_path)], check=False, timeout=240)
    assert killed.returncode == -signal.SIGKILL
    (left,) = tmp_path.iterdir()
    assert left.suffix == SUFFIX
    heard: list[int] = []
    resumed = distiller(tmp_path).distil(job, lambda done, _: heard.append(done))
    assert heard[0] == KILLED_AT
    assert resumed.weights == whole.weights
    assert resumed.adapter.evaluation == whole.adapter.evaluation
    assert resumed.adapter.loss == whole.adapter.loss
    assert not [*tmp_path.iterdir()]


def test_a_checkpoint_is_sealed_and_one_that_does_not_open_is_begun_anew(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    told = memories(facts_of(1))
    kept = distiller(tmp_path, checkpoint_seconds=0.0)
    with pytest.raises(KeyboardInterrupt):
        kept.distil(job_of(told, seal=SEAL, steps=4), stop)
    (left,) = tmp_path.iterdir()
    assert b"lora_A" not in left.read_bytes()
    assert left.stat().st_mode & 0o077 == 0
    heard: list[int] = []
    # The key of one of the memories is gone: the job is another one's, and knows nothing of it.
    other = job_of(told, seal=b"t" * 32, steps=4)
    kept.distil(other, lambda done, _: heard.append(done))
    assert heard[0] == 0


def test_training_that_broke_down_leaves_nothing(tmp_path: Path) -> None:
    kept = distiller(tmp_path, checkpoint_seconds=0.0)
    broken = job_of(memories(facts_of(1)), seal=SEAL, steps=4, learning_rate=1e30)
    with pytest.raises(DistillationRefused):
        kept.distil(broken)
    assert not [*tmp_path.iterdir()]


def test_a_job_that_may_not_be_written_leaves_nothing(tmp_path: Path) -> None:
    def look(done: int, total: int) -> None:
        assert not [*tmp_path.iterdir()]

    kept = distiller(tmp_path, checkpoint_seconds=0.0)
    kept.distil(job_of(memories(facts_of(1)), steps=3), look)
