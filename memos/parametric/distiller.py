"""Distillation: memories in, an adapter and its figures out."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from safetensors.torch import save

from memos.activation.segment_store import SegmentStore
from memos.activation.tokenizer import TextTokenizer
from memos.activation.trainee import Trainee
from memos.activation.transformers_model import CausalModel
from memos.infrastructure.chat_models.adapting import (
    DistillationJob,
    DistilledAdapter,
    Evaluation,
)
from memos.infrastructure.chat_models.port import ChatModel
from memos.infrastructure.progress import Progress, no_progress
from memos.kernel.errors import DistillationRefused, InvalidInput, TeacherUnavailable
from memos.parametric import lessons as lessons_room
from memos.parametric.course import CourseMaker
from memos.parametric.evaluation import Examiner
from memos.parametric.job_files import JobFiles
from memos.parametric.lessons import Lessons, lessons_of
from memos.parametric.prompts import Prompts
from memos.parametric.recipe import Recipe
from memos.parametric.respondent import Respondent
from memos.parametric.served_teacher import served_teacher
from memos.parametric.templates import Templates
from memos.parametric.training import Training, TrainingEnd


@dataclass(frozen=True, slots=True)
class Trained:
    """An adapter that was trained.

    Attributes:
        weights: its tensors, as safetensors.
        configuration: what peft saves beside them, as JSON.
        adapter: what it was measured to do.
    """

    weights: bytes
    configuration: bytes
    adapter: DistilledAdapter


class Distiller:
    """Trains adapters of a model. The same job on one machine, build and number of threads gives the same
    bytes.

    Args:
        model: without adapters.
        tokenizer: the model's.
        templates: of the memories' language.
        recipe: what training is made of.
        checkpoints: a directory for what a job has reached, sealed under the job's seal; a job without one
            writes nothing, and begins anew when it is cut off.
        checkpoint_seconds: between two of them, at least.
        teacher: who writes the answers of jobs that name it.
    """

    def __init__(
        self,
        model: CausalModel,
        tokenizer: TextTokenizer,
        templates: Templates,
        *,
        recipe: Recipe | None = None,
        checkpoints: Path | None = None,
        checkpoint_seconds: float = 10.0,
        teacher: ChatModel | None = None,
    ) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._templates = templates
        self._recipe = recipe or Recipe()
        self._checkpoints = checkpoints
        self._checkpoint_seconds = checkpoint_seconds
        self._teacher = teacher

    @property
    def generator(self) -> str:
        """The version of what makes questions of memories."""
        parts = (self._templates.version, lessons_room.VERSION, self._recipe.name)
        return ", ".join(parts)

    def key_of(self, job: DistillationJob) -> bytes:
        """SHA-256 (32 bytes) over all that a job's adapter depends on here: of equal ones one is trained."""
        base = self._model.identity.base_digest
        return sha256(job.key(base) + self.generator.encode()).digest()

    def distil(
        self,
        job: DistillationJob,
        progress: Progress = no_progress,
        keep: Callable[[Trained], None] = lambda _: None,
    ) -> Trained:
        """Train an adapter, and measure it.

        Args:
            job: what to learn, and how.
            progress: told (steps taken, of how many).
            keep: called with what was trained, while it could still be gone on with from what is on the disk.

        Raises:
            DistillationRefused: there is nothing that can be learnt, memories are too long for the model, or
                training broke down.
            TeacherUnavailable: the job's teacher is not at hand, or failed.
            VaultError: a checkpoint cannot be written.
        """
        files = self._files_of(job)
        try:
            trained = self._trained(job, files, progress)
        except (DistillationRefused, TeacherUnavailable):
            files.remove()
            raise
        except InvalidInput as error:
            files.remove()
            raise DistillationRefused(str(error)) from error
        keep(trained)
        files.remove()
        return trained

    def clear(self, job: DistillationJob) -> None:
        """Remove what is on the disk of a job that is done: who did it may have been killed before."""
        self._files_of(job).remove()

    def _trained(self, job: DistillationJob, files: JobFiles, progress: Progress) -> Trained:
        started = time.monotonic()
        until = None if job.seconds is None else started + job.seconds
        lessons = lessons_of(job, self._templates)
        # Of this job alone: no text of a memory is anywhere when it is done.
        store = SegmentStore.on_device(self._model.shape.device.type)
        secret = store.owner_secret(job.owner)
        prompts = Prompts(job, self._tokenizer)

        def respondent(adapted: CausalModel | None = None) -> Respondent:
            return Respondent(self._model, prompts, store.pool, job.owner, secret, adapted=adapted)

        base = respondent()
        teacher = served_teacher(
            job, self._teacher, prompts, self._templates, files.texts, progress, until
        )
        trainee = self._model.trainee(
            rank=job.settings.rank, alpha=job.settings.alpha, seed=job.settings.seed
        )
        maker = CourseMaker(
            base, prompts, self._templates, self._recipe, job.settings.seed, author=teacher
        )
        end = self._train(job, lessons, trainee, prompts, maker, files, progress, until)
        adapter = trainee.adapter()
        student = respondent(self._model.with_adapters([adapter]))
        examiner = Examiner(
            base, student, prompts, self._templates, self._recipe, job.settings.seed
        )
        evaluation = examiner.evaluate(lessons, job.settings.thresholds)
        weights = save({name: each.cpu().contiguous() for name, each in adapter.tensors.items()})
        told = self._told(weights, trainee, end, time.monotonic() - started, evaluation)
        return Trained(weights, trainee.configuration, told)

    def _train(
        self,
        job: DistillationJob,
        lessons: Lessons,
        trainee: Trainee,
        prompts: Prompts,
        maker: CourseMaker,
        files: JobFiles,
        progress: Progress,
        until: float | None,
    ) -> TrainingEnd:
        bare = maker.bare(lessons)
        in_context = tuple(maker.in_context(lessons))
        if files.checkpoints and not files.texts.is_resumed:
            files.checkpoints.remove()  # of training on other texts
        training = Training(trainee, prompts, bare, in_context, job.settings, self._recipe)
        return training.run(progress, files.checkpoints, until)

    def _files_of(self, job: DistillationJob) -> JobFiles:
        return JobFiles.of(self._checkpoints, self.key_of(job), job.seal, self._checkpoint_seconds)

    def _told(
        self,
        weights: bytes,
        trainee: Trainee,
        end: TrainingEnd,
        seconds: float,
        evaluation: Evaluation,
    ) -> DistilledAdapter:
        return DistilledAdapter(
            sha256=sha256(weights).digest(),
            size=len(weights),
            scale=trainee.scale,
            model_digest=self._model.identity.base_digest,
            tokenizer_digest=self._tokenizer.digest,
            generator=self.generator,
            steps=end.steps,
            seconds=seconds,
            loss=end.loss,
            evaluation=evaluation,
        )
