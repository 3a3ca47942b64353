"""A local model learns memories, answers with what it learnt, and does no job twice."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from memos import ChatMessage, ChatPrompt, DistillationRefused, ModelUnavailable
from memos.infrastructure.chat_models.adapting import AdaptingModel, DistillationJob
from memos.infrastructure.chat_models.port import PromptAdapter
from memos.parametric.local_learner import CHECKPOINTS, JOBS, LocalLearner
from tests.parametric.jobs import ANYTHING, BARE, FEW, facts_of, job_of, memories, memory
from tests.tiny_model.language import Fact
from tests.tiny_model.loaded import DIRECTORY
from tests.tiny_model.templates import TINY

SEAL = b"s" * 32
FACTS = facts_of(1)
JOB = job_of(memories(FACTS), seal=SEAL)
QUICK = job_of(memories(FACTS), seal=SEAL, steps=3, thresholds=ANYTHING)


def learner(kept_in: Path) -> LocalLearner:
    made = LocalLearner.load(DIRECTORY, kept_in=kept_in)
    made.templates, made.recipe = TINY, FEW
    return made


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a model is that has learnt the facts, and was closed."""
    directory = tmp_path_factory.mktemp("kept")
    with learner(directory) as model:
        assert model.distil(JOB).evaluation.passed
    return directory


@pytest.fixture
def taught(directory: Path) -> Iterator[LocalLearner]:
    with learner(directory) as model:
        yield model


def steps_of(model: LocalLearner, job: DistillationJob) -> tuple[PromptAdapter, int]:
    """The adapter of a job, and at how many steps the model was seen."""
    seen: list[int] = []
    made = model.distil(job, lambda done, _: seen.append(done))
    return PromptAdapter(made.sha256, job.seal), len(seen)


def answer(model: LocalLearner, fact: Fact, *adapters: PromptAdapter) -> str:
    asked = ChatPrompt(
        owner="acme",
        opening=BARE,
        pinned=(),
        closing="",
        messages=(ChatMessage("user", fact.question(2)),),
        max_tokens=4,
        adapters=adapters,
    )
    return "".join(piece for piece in model.stream(asked) if isinstance(piece, str))


def test_after_a_restart_it_answers_from_what_it_learnt_and_learns_nothing_again(
    taught: LocalLearner,
) -> None:
    assert isinstance(taught, AdaptingModel)
    adapter, seen = steps_of(taught, JOB)
    assert seen == 1
    assert taught.has_adapter(adapter)
    told = [answer(taught, fact, adapter) == fact.answer for fact in FACTS]
    assert sum(told) >= len(FACTS) - 1
    assert sum(answer(taught, fact) == fact.answer for fact in FACTS) <= 1


def test_what_was_said_of_a_job_is_said_again_whole(directory: Path) -> None:
    with learner(directory) as one:
        first = one.distil(JOB)
    with learner(directory) as other:
        assert other.distil(JOB) == first
    assert first.model_digest == one.model_digest


def test_an_adapter_that_was_forgotten_is_trained_again_to_the_same_bytes(
    tmp_path: Path,
) -> None:
    with learner(tmp_path) as model:
        first, _ = steps_of(model, QUICK)
        assert model.forget_adapters([first.sha256]) == 1
        again, seen = steps_of(model, QUICK)
        assert seen > 1
        assert again == first
        assert model.has_adapter(again)


def test_one_that_does_not_pass_is_kept_nowhere_and_not_tried_again(tmp_path: Path) -> None:
    job = job_of(memories(FACTS), seal=SEAL, steps=1)
    with learner(tmp_path) as model:
        adapter, _ = steps_of(model, job)
        assert not model.has_adapter(adapter)
        assert steps_of(model, job) == (adapter, 1)
        # It would have had no longer than that: with more time it may pass.
        assert steps_of(model, replace(job, seconds=60.0))[1] > 1


def test_of_two_who_ask_the_same_at_once_one_trains(tmp_path: Path) -> None:
    with learner(tmp_path) as model, ThreadPoolExecutor(2) as threads:
        (one, first), (other, second) = threads.map(lambda _: steps_of(model, QUICK), "ab")
    assert one == other
    assert min(first, second) == 1


def test_what_lies_on_the_disk_tells_nothing_without_the_seal(directory: Path) -> None:
    files = [path for path in directory.rglob("*") if path.is_file()]
    assert len(files) >= 3  # the secret of the segments, the adapter, and what the job came to
    for path in files:
        assert path.stat().st_mode & 0o077 == 0
        data = path.read_bytes().lower()
        assert not any(fact.name.lower().encode() in data for fact in FACTS)
        assert JOB.key(bytes(32)).hex() not in path.name
    assert not [*directory.rglob(f"{CHECKPOINTS}/*")]
    with learner(directory) as model:
        adapter, seen = steps_of(model, JOB)
        assert seen == 1
        assert not model.has_adapter(replace(adapter, seal=b"t" * 32))
        # With another seal it knows nothing of the job, and is given no time for it.
        other, _ = steps_of(model, replace(JOB, seal=b"t" * 32, seconds=0.0))
        assert other.sha256 != adapter.sha256


def test_it_answers_while_it_learns(tmp_path: Path) -> None:
    with learner(tmp_path) as model:
        wanted = answer(model, FACTS[0])
        told: list[str] = []
        model.distil(
            job_of(memories(FACTS), steps=3), lambda *_: told.append(answer(model, FACTS[0]))
        )
        assert told == [wanted] * 4


def test_an_adapter_tells_what_it_holds_and_how_sure_that_is(taught: LocalLearner) -> None:
    adapter, _ = steps_of(taught, JOB)
    probes = taught.probe(adapter, JOB)
    assert [probe.cube_id for probe in probes] == [each.cube_id for each in JOB.memories]
    right = [probe.answer == fact.answer for probe, fact in zip(probes, FACTS, strict=True)]
    assert sum(right) >= len(FACTS) - 1
    assert all(0 < probe.confidence <= 1 for probe in probes)
    with pytest.raises(ModelUnavailable, match="not under this seal"):
        taught.probe(replace(adapter, seal=b"t" * 32), JOB)


def test_what_cannot_be_learnt_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    with learner(tmp_path) as model, pytest.raises(DistillationRefused, match="nothing"):
        model.distil(job_of([memory("!")], seal=SEAL))
    assert not [path for path in tmp_path.glob("adapters/**/*") if path.is_file()]


def test_what_became_of_a_job_that_cannot_be_read_is_found_by_doing_it_again(
    tmp_path: Path,
) -> None:
    with learner(tmp_path) as model:
        first, _ = steps_of(model, QUICK)
    (told,) = tmp_path.glob(f"adapters/{JOBS}/*")
    told.write_bytes(told.read_bytes()[:-1])
    with learner(tmp_path) as model:
        again, seen = steps_of(model, QUICK)
        assert (again, seen > 1) == (first, True)
    with learner(tmp_path) as model:
        assert steps_of(model, QUICK) == (first, 1)
