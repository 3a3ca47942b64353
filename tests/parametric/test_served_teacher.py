"""A teacher behind a server writes what is learnt; what its words are to be the base says, and the gate has the last
word.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from threading import Event

import pytest

from memos import DistillationSettings, Memory, OpenAICompatible, TeacherUnavailable
from memos.activation.chat_model import LocalModel
from memos.infrastructure.chat_models.adapting import DistillationJob
from memos.parametric.lessons import lessons_of
from memos.parametric.local_learner import LocalLearner
from memos.parametric.written_texts import SUFFIX
from tests.infrastructure.chat_models.chat_server import ChatServer, served
from tests.parametric.jobs import ANYTHING, FEW, SETTINGS, distiller, facts_of, job_of, memories
from tests.tiny_model.loaded import DIRECTORY
from tests.tiny_model.templates import TINY

SEAL = b"s" * 32
NAME = "big"
QUICK = DistillationSettings(**{**SETTINGS, "steps": 3}, thresholds=ANYTHING)
BY_BIG = replace(QUICK, teacher=NAME)
SCOPE = "acme/alice"
FACTS = facts_of(1)
ANSWERS = {fact.question(form): fact.answer for fact in FACTS for form in range(4)}


@pytest.fixture
def server() -> Iterator[ChatServer]:
    """One that knows the memories."""
    with served() as started:
        started.reply = ANSWERS.__getitem__
        yield started


@pytest.fixture
def teacher(server: ChatServer) -> OpenAICompatible:
    return OpenAICompatible(server.url, NAME)


def job(steps: int = 60, seal: bytes = b"", seconds: float | None = None) -> DistillationJob:
    made = job_of(memories(FACTS), seal=seal, steps=steps, teacher=NAME)
    return replace(made, seconds=seconds)


def test_what_it_writes_is_learnt_as_the_base_with_the_memories_in_context_would_say_it(
    server: ChatServer, teacher: OpenAICompatible
) -> None:
    made = distiller(teacher=teacher).distil(job(steps=20))
    # The base writes the same answers by itself: so all else is the base's, to the bit.
    itself = distiller().distil(job_of(memories(FACTS), steps=20))
    assert made.weights == itself.weights
    told = lessons_of(job(), TINY).sources
    asked = {each for number in range(len(server.asked)) for each in server.said(number)}
    assert asked == {question.text for lesson in told for question in lesson.questions}
    assert all(lesson.memory.line in server.systems[0] for lesson in told)
    assert {body["model"] for body in server.asked} == {NAME}


def test_one_that_answers_wrongly_is_caught_by_the_gate(
    server: ChatServer, teacher: OpenAICompatible
) -> None:
    server.reply = lambda _: "badger"
    evaluation = distiller(teacher=teacher).distil(job()).adapter.evaluation
    assert evaluation.teacher_accuracy == 1.0  # the base is asked, and not the teacher
    assert not evaluation.passed


def test_one_that_talks_at_length_and_in_words_that_the_base_does_not_know_is_cut_short(
    server: ChatServer, teacher: OpenAICompatible
) -> None:
    server.reply = lambda question: f"{ANSWERS[question]} \ud83c, Übrigens! {'note ' * 3000}"
    evaluation = distiller(teacher=teacher).distil(job(steps=30)).adapter.evaluation
    assert evaluation.accuracy == 1.0


def fails(server: ChatServer) -> None:
    server.status, server.words = 500, "out of memory"


def breaks_off(server: ChatServer) -> None:
    server.breaks_off = True


def fails_behind_some(server: ChatServer) -> None:
    def answer(question: str) -> str:
        if len(server.asked) > 10:
            fails(server)
        return ANSWERS[question]

    server.reply = answer


@pytest.mark.parametrize("fault", [fails, breaks_off, fails_behind_some])
def test_one_that_fails_leaves_nothing(
    server: ChatServer,
    teacher: OpenAICompatible,
    tmp_path: Path,
    fault: Callable[[ChatServer], None],
) -> None:
    fault(server)
    with pytest.raises(TeacherUnavailable, match=r"big.*failed"):
        distiller(tmp_path, teacher=teacher).distil(job(seal=SEAL))
    assert not [*tmp_path.iterdir()]


def test_one_that_does_not_answer_in_time_leaves_nothing(
    server: ChatServer, tmp_path: Path
) -> None:
    ended = Event()
    server.reply = lambda _: str(ended.wait(60))
    slow = OpenAICompatible(server.url, NAME, timeout=0.1)
    try:
        with pytest.raises(TeacherUnavailable, match="did not answer within"):
            distiller(tmp_path, teacher=slow).distil(job(seal=SEAL))
    finally:
        ended.set()
    assert not [*tmp_path.iterdir()]


def test_one_that_is_still_writing_when_the_time_is_over_leaves_nothing(
    teacher: OpenAICompatible, tmp_path: Path
) -> None:
    with pytest.raises(TeacherUnavailable, match="still writing"):
        distiller(tmp_path, teacher=teacher).distil(job(seal=SEAL, seconds=1e-3))
    assert not [*tmp_path.iterdir()]


def test_of_a_job_that_was_cut_off_no_text_is_written_again_and_none_lies_in_clear(
    server: ChatServer, teacher: OpenAICompatible, tmp_path: Path
) -> None:
    def stop(done: int, _: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    whole = distiller(teacher=teacher).distil(job(steps=6))
    kept = distiller(tmp_path, checkpoint_seconds=0.0, teacher=teacher)
    with pytest.raises(KeyboardInterrupt):
        kept.distil(job(steps=6, seal=SEAL), stop)
    (texts,) = tmp_path.glob(f"*{SUFFIX}")
    assert texts.stat().st_mode & 0o077 == 0
    assert not any(answer.encode() in texts.read_bytes() for answer in ANSWERS.values())
    before = len(server.asked)
    server.reply = lambda _: "badger"  # as it is sampled, it may say something else the next time
    heard: list[int] = []
    made = kept.distil(job(steps=6, seal=SEAL), lambda done, _: heard.append(done))
    assert len(server.asked) == before
    assert (heard[0], made.weights) == (3, whole.weights)
    assert not [*tmp_path.iterdir()]


def test_training_on_texts_that_are_gone_begins_anew(
    teacher: OpenAICompatible, tmp_path: Path
) -> None:
    def stop(done: int, _: int) -> None:
        if done == 3:
            raise KeyboardInterrupt

    kept = distiller(tmp_path, checkpoint_seconds=0.0, teacher=teacher)
    with pytest.raises(KeyboardInterrupt):
        kept.distil(job(steps=4, seal=SEAL), stop)
    (texts,) = tmp_path.glob(f"*{SUFFIX}")
    texts.write_bytes(texts.read_bytes()[:-1])
    heard: list[int] = []
    kept.distil(job(steps=4, seal=SEAL), lambda done, _: heard.append(done))
    assert [each for each in heard if each] == [1, 2, 3, 4]
    assert not [*tmp_path.iterdir()]


@pytest.fixture
def memory(tmp_path: Path) -> Iterator[Memory]:
    with Memory(tmp_path / "test.vault", actor="agent:alice") as opened:
        yield opened


@pytest.fixture
def model(tmp_path: Path) -> Iterator[LocalLearner]:
    with LocalLearner.load(DIRECTORY, kept_in=tmp_path / "kept") as made:
        made.templates, made.recipe = TINY, FEW
        yield made


def test_its_name_is_in_the_log_and_without_it_nothing_is_begun(
    memory: Memory, model: LocalLearner, server: ChatServer
) -> None:
    added = [memory.add(fact.statement(n), scope=SCOPE).cube_id for n, fact in enumerate(FACTS)]
    with pytest.raises(TeacherUnavailable, match="big as the teacher, and none is at hand"):
        memory.distil(added, scope=SCOPE, model=model, settings=BY_BIG)
    # Nothing is half done: what was begun for it is retired, and nothing lies on the disk.
    assert memory.adapters(SCOPE) == ()
    assert files_of(model) == []

    model.teacher = OpenAICompatible(server.url, NAME)
    made = memory.distil(added, scope=SCOPE, model=model, settings=BY_BIG)
    assert made.promoted
    assert made.adapter is not None
    assert made.adapter.settings == BY_BIG
    assert len(files_of(model)) == 2  # the adapter, and what the job came to


def test_a_rebuild_without_the_teacher_says_so_and_leaves_the_adapter_as_it_is(
    memory: Memory, model: LocalLearner, server: ChatServer
) -> None:
    added = [memory.add(fact.statement(n), scope=SCOPE).cube_id for n, fact in enumerate(FACTS)]
    model.teacher = OpenAICompatible(server.url, NAME)
    made = memory.distil(added, scope=SCOPE, model=model, settings=BY_BIG)
    memory.update(added[0], FACTS[0].statement(1))
    model.teacher = OpenAICompatible(server.url, "other")
    with pytest.raises(TeacherUnavailable, match="big as the teacher, and other is at hand"):
        memory.rebuild_adapter(made.cube_id, model=model)
    (standing,) = memory.adapters(SCOPE)
    assert (standing.cube_id, standing.version) == (made.cube_id, 2)
    asked = len(server.asked)
    model.teacher = OpenAICompatible(server.url, NAME)
    rebuilt = memory.rebuild_adapter(made.cube_id, model=model)
    assert rebuilt.promoted
    assert len(server.asked) > asked
    model.teacher = None
    itself = memory.rebuild_adapter(made.cube_id, model=model, settings=QUICK)
    assert itself.adapter is not None
    assert itself.adapter.settings == QUICK


def files_of(model: LocalModel) -> list[Path]:
    directory = model._adapters.directory
    assert directory is not None
    return [path for path in directory.rglob("*") if path.is_file()]
