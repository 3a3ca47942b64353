"""A trained model learns memories as they arrive: it is killed, goes on, keeps what it knew, and answers."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from memos import LearningRound, Memory
from memos.parametric.local_learner import LocalLearner
from tests.parametric.jobs import RECIPE, TRAINED, facts_of
from tests.tiny_model.language import Fact
from tests.tiny_model.loaded import DIRECTORY
from tests.tiny_model.templates import TINY
from tests.waiting import wait_until

SCOPE = "acme/alice"
ROOM = 100_000_000
HELD_OUT = 2
"""A way to ask that no training uses."""

_LEARN_UNTIL_KILLED = """
import os, signal, sys
import torch
from tests.parametric.test_learning import learn, learner, opened
torch.set_num_threads(1)
def progress(done, total):
    if done == 3:
        os.kill(os.getpid(), signal.SIGKILL)
with opened(sys.argv[1]) as memory, learner(sys.argv[1]) as model:
    learn(memory, model, progress=progress)
"""


def opened(directory: str | Path) -> Memory:
    return Memory(Path(directory) / "test.vault", actor="agent:alice")


def learner(directory: str | Path) -> LocalLearner:
    made = LocalLearner.load(DIRECTORY, kept_in=Path(directory) / "kept")
    made.templates, made.recipe = TINY, RECIPE
    return made


def learn(memory: Memory, model: LocalLearner, **given: object) -> LearningRound:
    return memory.learn(
        SCOPE,
        model=model,
        budget_bytes=ROOM,
        policy="lasting",
        settings=TRAINED,
        **given,  # type: ignore[arg-type]
    )


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with opened(tmp_path) as vault:
        yield vault


@pytest.fixture
def model(tmp_path: Path) -> Iterator[LocalLearner]:
    with learner(tmp_path) as made:
        yield made


def fill(memory: Memory, facts: Sequence[Fact]) -> list[str]:
    return [
        memory.add(fact.statement(number % 6), scope=SCOPE).cube_id
        for number, fact in enumerate(facts)
    ]


def right(memory: Memory, model: LocalLearner, facts: Sequence[Fact]) -> float:
    """The share of facts that a chat answers right, by their adapters where they have one."""
    answers = [
        memory.chat(
            [{"role": "user", "content": fact.question(HELD_OUT)}],
            scope=SCOPE,
            model=model,
            max_tokens=4,
            k=3,
        )
        for fact in facts
    ]
    return sum(
        answer.text.strip() == fact.answer for answer, fact in zip(answers, facts, strict=True)
    ) / len(facts)


def test_learning_that_was_killed_goes_on_and_what_has_changed_is_learnt_anew(
    memory: Memory, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    facts = facts_of(1)
    cubes = fill(memory, facts)
    killed = subprocess.run(
        [sys.executable, "-c", _LEARN_UNTIL_KILLED, str(tmp_path)], check=False, timeout=240
    )
    assert killed.returncode == -signal.SIGKILL
    assert memory.learning_curve(SCOPE) == ()
    model: LocalLearner = request.getfixturevalue("model")  # its directory is free now
    steps: list[int] = []
    stopped = learn(
        memory,
        model,
        progress=lambda done, _: steps.append(done),
        is_stopped=lambda: len(steps) > 2,
    )
    assert (stopped.is_over, stopped.held, len(steps)) == (False, 0, 3)
    made = learn(memory, model)
    assert (made.held, made.adapters, made.learnt[0].accuracy) == (4, 1, 1.0)
    assert right(memory, model, facts) == 1.0

    changed = facts[0]._replace(value=facts[1].value)
    memory.update(cubes[0], changed.statement())
    assert right(memory, model, [changed, *facts[1:]]) == 1.0  # from the text, at once
    again = learn(memory, model)
    assert (again.held, len(again.retired)) == (4, 1)
    assert right(memory, model, [changed, *facts[1:]]) == 1.0
    memory.add("The attic is locked.", scope=SCOPE, readers=["agent:alice"])
    later = learn(memory, model)
    assert later.unlearnable  # nothing that the tiny model's language could ask
    assert later.retention == 1.0
    assert [each.held for each in memory.learning_curve(SCOPE)] == [4, 4, 4]


@pytest.mark.soak
def test_facts_that_arrive_are_learnt_and_those_before_them_stay(
    memory: Memory, model: LocalLearner
) -> None:
    facts = facts_of(5, 80)
    rounds: list[LearningRound] = []
    stop = threading.Event()
    with ThreadPoolExecutor(1) as threads:
        following = threads.submit(
            learn, memory, model, follow=rounds.append, is_stopped=stop.is_set
        )
        try:
            for start in range(0, len(facts), 10):
                fill(memory, facts[start : start + 10])
                wait_until(lambda: following.done() or bool(rounds), "a round")
            wait_until(lambda: following.done() or rounds[-1].held >= 64, "most are learnt")
        finally:
            stop.set()
        following.result()
    last = learn(memory, model)
    assert (last.held, last.left) == (80, 0)
    assert right(memory, model, facts) >= 0.95
    assert right(memory, model, facts[:10]) >= 0.95
    retained = [made.retention for made in memory.learning_curve(SCOPE)]
    assert min(each for each in retained if each is not None) >= 0.95
