"""Memories become an adapter: it answers without them, and nothing else has changed."""

from __future__ import annotations

import math
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import pytest
from safetensors.torch import load

from memos.activation.adapters import Adapter
from memos.activation.errors import ModelRefused
from memos.activation.identity import digest_of_weights
from memos.activation.transformers_model import CausalModel
from memos.infrastructure.chat_models.adapter_files import CONFIGURATION, WEIGHTS
from memos.infrastructure.chat_models.adapting import Role, Thresholds
from memos.kernel.errors import DistillationRefused
from memos.parametric.distiller import Trained
from tests.activation.tiny_models import initialised, qwen3
from tests.parametric.jobs import (
    FEW,
    answers,
    distiller,
    facts_of,
    job_of,
    memories,
    memory,
    share_right,
)
from tests.tiny_model.language import WORLD
from tests.tiny_model.loaded import tokenizer, trained_model

FACTS = facts_of(1)
OTHERS = facts_of(2)


@pytest.fixture(scope="module")
def trained() -> Trained:
    told = [*memories(FACTS), *memories(OTHERS, Role.DISTRACTOR, 10)]
    return distiller().distil(job_of(told))


def saved(trained: Trained, directory: Path) -> Path:
    (directory / WEIGHTS).write_bytes(trained.weights)
    (directory / CONFIGURATION).write_bytes(trained.configuration)
    return directory


def adapters_of(trained: Trained) -> list[Adapter]:
    return [Adapter(load(trained.weights), trained.adapter.scale)]


def test_an_adapter_answers_what_was_not_asked_in_training_and_passes_the_gate(
    trained: Trained,
) -> None:
    told = trained.adapter.evaluation
    assert told.refusals == ()
    assert (told.accuracy, told.teacher_accuracy) == (1.0, 1.0)
    assert told.base_accuracy <= 0.25
    assert told.gap is not None
    assert told.gap > 0.5
    assert told.gap_closed is not None
    assert told.gap_closed > 0.95
    assert told.by_memory == {f"cube-{number}": 1.0 for number in range(4)}
    assert share_right(FACTS, adapters_of(trained)) == 1.0
    assert share_right(FACTS) <= 0.25


def test_what_the_model_knew_it_knows_still(trained: Trained) -> None:
    assert share_right(WORLD, adapters_of(trained)) >= 0.98


def test_the_base_is_as_it_was(trained: Trained) -> None:
    model = trained_model()
    assert digest_of_weights(model._model.state_dict()) == model.identity.weights
    assert not any(each.grad is not None for each in model._model.parameters())


def test_what_is_told_of_an_adapter_is_true_of_its_bytes(trained: Trained) -> None:
    told = trained.adapter
    assert told.sha256 == sha256(trained.weights).digest()
    assert told.size == len(trained.weights)
    assert told.scale == 2.0
    assert told.model_digest == trained_model().identity.base_digest
    assert told.tokenizer_digest == tokenizer().digest
    assert (told.steps, math.isfinite(told.loss)) == (60, True)


def test_peft_and_the_model_read_what_was_saved(trained: Trained, tmp_path: Path) -> None:
    adapter = Adapter.load(saved(trained, tmp_path))
    assert adapter.digest == Adapter(load(trained.weights), 2.0).digest
    assert adapter.scale == 2.0


def test_a_file_that_was_cut_or_is_of_another_base_is_refused(
    trained: Trained, tmp_path: Path
) -> None:
    adapter = Adapter.load(saved(trained, tmp_path))
    with pytest.raises(ModelRefused):
        CausalModel(initialised(qwen3())).with_adapters([adapter])
    (tmp_path / WEIGHTS).write_bytes(trained.weights[:-100])
    with pytest.raises(ModelRefused):
        Adapter.load(tmp_path)


def test_the_same_job_gives_the_same_bytes_and_another_seed_gives_others() -> None:
    job = job_of(memories(FACTS), steps=6)
    first, second = distiller().distil(job), distiller().distil(job)
    assert first.weights == second.weights
    assert first.configuration == second.configuration
    assert first.adapter.evaluation == second.adapter.evaluation
    other = replace(job, settings=replace(job.settings, seed=1))
    assert distiller().distil(other).weights != first.weights


def test_an_adapter_without_a_memory_does_not_know_it_and_knows_the_others() -> None:
    without = distiller().distil(job_of(memories(FACTS[1:])))
    adapters = adapters_of(without)
    assert share_right(FACTS[1:], adapters) == 1.0
    assert share_right(FACTS[:1], adapters) == 0.0


def test_memories_that_the_model_knows_already_are_nothing_to_learn() -> None:
    told = distiller().distil(job_of(memories(WORLD[:4]), steps=1)).adapter.evaluation
    assert told.gap_closed is None
    assert any("nothing to learn" in each for each in told.refusals)


def test_what_was_hardly_trained_is_refused_with_its_figures() -> None:
    told = distiller().distil(job_of(memories(FACTS), steps=2)).adapter.evaluation
    assert not told.passed
    assert any(f"closes {told.gap_closed:.2f} of the gap" in each for each in told.refusals)
    assert any(f"answers {told.accuracy:.2f} of the held-out" in each for each in told.refusals)


def test_a_teacher_that_answers_wrongly_is_refused() -> None:
    told = memories(FACTS)
    # What stands in the prompt is about somebody else.
    lying = [
        replace(each, line=other.line) for each, other in zip(told, memories(OTHERS), strict=True)
    ]
    found = distiller().distil(job_of(lying, steps=1)).adapter.evaluation
    assert found.teacher_accuracy < 0.5
    assert any("would be taught what is wrong" in each for each in found.refusals)


def test_an_adapter_that_wrecks_the_model_is_refused() -> None:
    wrecking = job_of(memories(FACTS), learning_rate=0.3, steps=10, retention_weight=0.0)
    told = distiller().distil(wrecking).adapter.evaluation
    assert told.locality > Thresholds().locality
    assert any("on unrelated prompts" in each for each in told.refusals)


def test_training_that_breaks_down_is_refused_with_the_step() -> None:
    with pytest.raises(DistillationRefused, match="step 2: its loss is nan"):
        distiller().distil(job_of(memories(FACTS), learning_rate=1e30, steps=10))


def test_no_source_is_refused() -> None:
    with pytest.raises(DistillationRefused, match="no memory to learn"):
        distiller().distil(job_of(memories(OTHERS, Role.DISTRACTOR)))


def test_a_memory_that_nothing_can_be_asked_about_is_refused_by_its_name() -> None:
    with pytest.raises(DistillationRefused, match="cube-7") as raised:
        distiller().distil(job_of([*memories(FACTS), memory("Ok!", 7)]))
    assert raised.value.cube_ids == ("cube-7",)


def test_memories_that_are_too_long_for_the_model_are_refused() -> None:
    first, *others = memories(FACTS)
    with pytest.raises(DistillationRefused, match="the model was made for"):
        distiller().distil(job_of([replace(first, line="oak " * 3000), *others]))


def test_time_that_is_over_ends_training_and_what_was_reached_is_measured() -> None:
    job = replace(job_of(memories(FACTS)), seconds=0.0)
    told = distiller().distil(job).adapter
    assert told.steps == 1
    assert not told.evaluation.passed


def test_training_ends_early_where_it_is_near_enough() -> None:
    near = replace(FEW, enough=100.0)
    told = distiller(recipe=near).distil(job_of(memories(FACTS))).adapter
    assert told.steps == 10
    assert told.generator != distiller().generator


def test_progress_counts_the_steps_up_to_all() -> None:
    heard: list[tuple[int, int]] = []
    distiller().distil(
        job_of(memories(FACTS), steps=3), lambda done, total: heard.append((done, total))
    )
    assert heard == [(0, 3), (1, 3), (2, 3), (3, 3)]


def test_questions_about_other_memories_are_answered_as_before(trained: Trained) -> None:
    asked = [fact.question(form) for fact in OTHERS for form in (0, 1, 2, 3)]
    before, after = answers(asked), answers(asked, adapters_of(trained))
    assert sum(map(str.__eq__, before, after)) >= 0.8 * len(asked)
