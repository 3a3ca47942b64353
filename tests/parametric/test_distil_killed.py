"""`memos distil` that is killed at each stage, and run again: one adapter, of the same bytes, and nothing left behind."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from memos import Adapter, Memory
from tests.infrastructure.chat_models.chat_server import served
from tests.parametric.distil_killed import ACTOR, KEPT, SCOPE, STAGES, VAULT
from tests.parametric.jobs import facts_of

UNDISTURBED = "undisturbed"
FACTS = facts_of(1)[:2]
ANSWERS = {fact.question(form): fact.answer for fact in FACTS for form in range(4)}
BETWEEN = (
    "before the model learns",
    "while texts are written",
    "while what became of the job is written",
    "before what is left of the job is removed",
    "amid the event's transaction",
)
NAMED = tuple(stage for stage in STAGES if stage not in BETWEEN)
SECONDS = 300


class Places:
    """Vaults that are copies of one, each for runs of its own.

    Attributes:
        statuses: of the runs in each.
    """

    def __init__(self, directory: Path, stages: Sequence[str]) -> None:
        self.directory = directory
        first = directory / UNDISTURBED
        with Memory(first / VAULT, actor=ACTOR) as memory:
            for number, fact in enumerate(FACTS):
                memory.add(fact.statement(number), scope=SCOPE)
        for stage in stages:
            shutil.copytree(first, directory / stage)
        with served() as server:
            server.reply = ANSWERS.__getitem__
            teacher = f"{server.url}#big"
            program = [sys.executable, "-m", "tests.parametric.distil_killed"]
            ran = subprocess.run(
                [*program, str(directory), teacher, UNDISTURBED, *stages],
                check=True,
                stdout=subprocess.PIPE,
                timeout=SECONDS,
            )
        self.statuses: dict[str, list[int]] = json.loads(ran.stdout.splitlines()[-1])

    def adapters(self, stage: str) -> tuple[Adapter, ...]:
        """All that there are, or were."""
        with Memory(self.directory / stage / VAULT, actor=ACTOR) as memory:
            return memory.adapters(SCOPE, retired=True)

    def kinds(self, stage: str) -> list[str]:
        """The kinds of all events, in their order."""
        with Memory(self.directory / stage / VAULT, actor=ACTOR) as memory:
            return [entry.kind for entry in memory.events(scope=SCOPE)]

    def files(self, stage: str) -> list[str]:
        """What the model has kept, without what a cube's key makes of a name."""
        kept = self.directory / stage / KEPT
        paths = [str(path.relative_to(kept)) for path in kept.rglob("*") if path.is_file()]
        return sorted(re.sub("[0-9a-f]{16,}", "…", path) for path in paths)


@pytest.fixture(scope="module")
def named(tmp_path_factory: pytest.TempPathFactory) -> Places:
    return Places(tmp_path_factory.mktemp("named"), NAMED)


@pytest.fixture(scope="module")
def between(tmp_path_factory: pytest.TempPathFactory) -> Places:
    return Places(tmp_path_factory.mktemp("between"), BETWEEN)


@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("stage", NAMED)
def test_what_was_killed_ends_like_what_was_not(named: Places, stage: str) -> None:
    check(named, stage)


@pytest.mark.soak
@pytest.mark.timeout(SECONDS)
@pytest.mark.parametrize("stage", BETWEEN)
def test_what_was_killed_between_two_stages_does_too(between: Places, stage: str) -> None:
    check(between, stage)


def check(places: Places, stage: str) -> None:
    assert places.statuses[UNDISTURBED] == [0]
    assert places.statuses[stage] == [-signal.SIGKILL, 0]
    (wanted,), (made,) = places.adapters(UNDISTURBED), places.adapters(stage)
    assert made.is_live
    assert (made.sha256, made.version) == (wanted.sha256, wanted.version)
    assert made.loss == wanted.loss
    assert places.kinds(stage) == places.kinds(UNDISTURBED)
    assert places.files(stage) == places.files(UNDISTURBED)
