"""Learning on the command line: a round, the rounds that follow until a signal, and the curve of them."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import nullcontext

import pytest

from memos.interface.cli import learn
from tests.adapting_model import FAILED, LearningModel
from tests.interface.cli.support import Shell

LASTING = ("--policy", "lasting")


@pytest.fixture
def model(monkeypatch: pytest.MonkeyPatch) -> LearningModel:
    """What the command opens: a model that is trained is asked in tests/parametric."""
    made = LearningModel()
    monkeypatch.setattr(learn, "opened_model", lambda name, teacher=None: nullcontext(made))
    return made


@pytest.fixture
def named(shell: Shell) -> list[str]:
    texts = ("The harbour is named Quillon.", "The keeper is Odile.", "The bakery opens at seven.")
    return [shell.add(text, scope="acme") for text in texts]


@pytest.fixture(params=[signal.SIGINT, signal.SIGTERM])
def signalled(request: pytest.FixtureRequest) -> Iterator[signal.Signals]:
    """A signal that this process gets while it learns."""
    before = signal.getsignal(request.param)
    yield request.param
    assert signal.getsignal(request.param) is before


def test_a_round_tells_what_it_learnt_and_the_curve_of_all(
    shell: Shell, model: LearningModel, named: list[str]
) -> None:
    told = shell.run("learn", "acme", *LASTING, "--steps", "9").out
    assert "learnt " in told
    assert "lasting@1 wants 3 of 3 memories in adapters; 3 are, in 1 adapters of 1,000" in told
    assert model.jobs[0].settings.steps == 9
    again = shell.json("learn", "acme", *LASTING, "--steps", "9")
    assert (again["number"], again["held"], again["learnt"]) == (0, 3, [])
    (kept,) = shell.json("learn", "acme", "--curve")
    assert (kept["number"], kept["held"], kept["model"]) == (1, 3, "learning")
    assert "3 of 3 memories in 1 adapters" in shell.run("learn", "acme", "--curve").out


def test_what_was_not_learnt_is_told_with_the_reason(
    shell: Shell, model: LearningModel, named: list[str]
) -> None:
    model.evaluation = FAILED
    told = shell.run("learn", "acme", *LASTING).out
    assert "not learnt" in told
    assert FAILED.refusals[0] in told


def test_following_tells_each_round_and_a_signal_ends_it(
    shell: Shell, model: LearningModel, signalled: signal.Signals
) -> None:
    for number in range(20):
        shell.add(f"House {number} has {number + 1} windows.", scope="acme")

    def end() -> None:
        threading.Timer(0.5, os.kill, (os.getpid(), signalled)).start()

    learns = model.distil

    def learn_and_end(*given: object) -> object:
        end()
        return learns(*given)  # type: ignore[arg-type]

    model.distil = learn_and_end  # type: ignore[method-assign, assignment]
    lines = shell.run("learn", "acme", "-f", *LASTING, "--json").out.splitlines()
    assert [json.loads(line)["result"]["held"] for line in lines] == [20]
