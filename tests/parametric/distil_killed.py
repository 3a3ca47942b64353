"""`memos distil` that kills itself at a stage, again and again: from one process that has imported what it needs."""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from importlib import import_module
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import openai  # noqa: F401 # once, and not by each run
import torch

from memos import DistillationSettings
from memos.interface.cli import adapters
from memos.interface.cli import run as memos
from memos.parametric.local_learner import LocalLearner
from memos.parametric.recipe import Recipe
from tests.parametric.jobs import ANYTHING, facts_of, job_of, memories
from tests.tiny_model.loaded import DIRECTORY
from tests.tiny_model.templates import TINY

SCOPE, ACTOR = "acme/alice", "agent:alice"
KEPT, VAULT = "kept", "test.vault"
"""Below the place of a run: where the model keeps adapters, and the vault."""


@dataclass(frozen=True)
class Stage:
    """Where a run is killed: before a call of something.

    Attributes:
        module, owner, name: what is called; of a module's function the owner is empty.
        call: the how many-th time.
        when: whether it is one of the calls that are counted, by its arguments.
    """

    module: str
    owner: str
    name: str
    call: int = 1
    when: Callable[..., bool] = lambda *_: True

    def set_trap(self) -> None:
        """Have this process killed there."""
        owner: Any = import_module(self.module)
        if self.owner:
            owner = getattr(owner, self.owner)
        method: Callable[..., Any] = getattr(owner, self.name)
        left = self.call

        def trapped(*given: Any, **named: Any) -> Any:
            nonlocal left
            left -= self.when(*given)
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)
            return method(*given, **named)

        setattr(owner, self.name, trapped)


def _writing(path: str) -> Stage:
    """Once a file is written, and before it is there under its name, which fits a pattern."""
    return Stage("pathlib", "Path", "replace", when=lambda _, to: bool(re.search(path, str(to))))


STAGES = {
    "before the job is recorded": Stage("memos.operation.adapters.distil", "", "_begin"),
    "before the model learns": Stage("memos.parametric.distiller", "Distiller", "distil"),
    "while the teacher writes": Stage("memos.parametric.served_teacher", "ServedTeacher", "_text", 6),
    "while texts are written": _writing(r"\.texts$"),
    "in training": Stage("memos.parametric.training", "Training", "_step", 3),
    "while a checkpoint is written": _writing(r"\.checkpoint$"),
    "in the evaluation": Stage("memos.parametric.evaluation", "Examiner", "_retention"),
    "while the adapter is written": _writing("/adapters/[^/]*$"),
    "while what became of the job is written": _writing("/jobs/[^/]*$"),
    "before what is left of the job is removed": Stage("memos.parametric.job_files", "JobFiles", "remove"),
    "before the event is appended": Stage("memos.operation.adapters.distil", "", "promote"),
    "amid the event's transaction": Stage("memos.operation.adapters.keep", "", "verdict"),
    "after the event": Stage("memos.interface.cli.adapters", "", "_show_distillation"),
}  # fmt: skip


def main(places: Path, teacher: str, stages: Iterable[str]) -> None:
    """Run each stage in a place of its name, killed there and then again; one that is none is run once. Prints the
    exit statuses.
    """
    torch.set_num_threads(1)
    _make_quick()
    # What is imported and made once is so for all runs.
    with LocalLearner.load(DIRECTORY) as model:
        model.distil(job_of(memories(facts_of(1)), steps=1))
    statuses: dict[str, list[int | None]] = {}
    for name in stages:
        traps = [STAGES[name], None] if name in STAGES else [None]
        statuses[name] = [_run(places / name, teacher, trap) for trap in traps]
    sys.stdout.write(f"{json.dumps(statuses)}\n")


def _run(place: Path, teacher: str, trap: Stage | None) -> int | None:
    """The exit status of a run in a process of its own; less than nothing for a signal."""
    run = get_context("fork").Process(target=_distil, args=(place, teacher, trap))
    run.start()
    run.join()
    return run.exitcode


def _distil(place: Path, teacher: str, trap: Stage | None) -> None:
    if trap is not None:
        trap.set_trap()
    os.environ["MEMOS_KV_CACHE"] = str(place / KEPT)
    asked = ["--scope", SCOPE, "--model", str(DIRECTORY), "--teacher", teacher, "--steps", "4"]
    memos(["distil", "--vault", str(place / VAULT), "--actor", ACTOR, *asked, "--json"])


def _make_quick() -> None:
    """The recipe of the tiny model, a checkpoint at each step, and a gate that lets everything pass."""
    real = adapters.settings_of

    def settings_of(
        steps: int | None,
        rank: int | None,
        rate: float | None,
        seed: int | None,
        teacher: str | None,
    ) -> DistillationSettings:
        return replace(real(steps, rank, rate, seed, teacher), thresholds=ANYTHING)

    adapters.settings_of = settings_of
    LocalLearner.templates = replace(
        TINY, neutral=TINY.neutral[::16], held_out_neutral=TINY.held_out_neutral[::16]
    )
    LocalLearner.recipe = Recipe(contexts=1, made_up=4, scored_contexts=1)
    LocalLearner.checkpoint_seconds = 0.0


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:])
