"""A chat model on this machine that learns memories as adapters."""

from __future__ import annotations

from pathlib import Path
from threading import Lock

from memos.activation.adapter_store import AdapterStore
from memos.activation.chat_model import LocalModel
from memos.activation.segment_store import SegmentStore
from memos.activation.tokenizer import TextTokenizer
from memos.activation.transformers_model import CausalModel
from memos.infrastructure.chat_models.adapter_files import AdapterFiles
from memos.infrastructure.chat_models.adapting import DistillationJob, DistilledAdapter, Probe
from memos.infrastructure.chat_models.port import ChatModel, PromptAdapter
from memos.infrastructure.progress import Progress, no_progress
from memos.parametric.distiller import Distiller, Trained
from memos.parametric.english import ENGLISH
from memos.parametric.finished_jobs import FinishedJobs
from memos.parametric.lessons import lessons_of
from memos.parametric.probing import probes
from memos.parametric.prompts import Prompts
from memos.parametric.recipe import REAL
from memos.parametric.respondent import Respondent

JOBS, CHECKPOINTS = "jobs", "checkpoints"
"""Directories below that of the adapters."""


class LocalLearner(LocalModel):
    """See `memos.infrastructure.chat_models.adapting.AdaptingModel`. It answers while it learns. Safe for threads:
    jobs come in turn.

    Attributes:
        templates: how memories are asked about: in English, unless others are put here.
        recipe: what training is made of.
        checkpoint_seconds: between two times that it writes how far training has come.
        teacher: who writes the answers that are learnt where a job's settings name it; no other model is asked.
    """

    templates = ENGLISH
    recipe = REAL
    checkpoint_seconds = 10.0
    teacher: ChatModel | None = None

    def __init__(
        self,
        model: CausalModel,
        tokenizer: TextTokenizer,
        *,
        name: str,
        store: SegmentStore | None = None,
        adapters: AdapterStore | None = None,
    ) -> None:
        super().__init__(model, tokenizer, name=name, store=store, adapters=adapters)
        self._finished = FinishedJobs(self._below(JOBS))
        self._learning = Lock()

    def distil(self, job: DistillationJob, progress: Progress = no_progress) -> DistilledAdapter:
        """See `AdaptingModel.distil`.

        Raises:
            DistillationRefused: there is nothing that can be learnt, or training broke down.
            TeacherUnavailable: the job's teacher is not at hand, or failed.
            VaultError: a checkpoint cannot be written.
        """
        distiller = self._distiller()
        key = distiller.key_of(job)
        with self._learning:
            found = self._finished.find(key, job.seal)
            if found is not None and self._still_holds(found, job):
                distiller.clear(job)
                progress(job.settings.steps, job.settings.steps)
                return found

            def keep(trained: Trained) -> None:
                if trained.adapter.evaluation.passed:
                    files = AdapterFiles(trained.configuration.decode(), trained.weights)
                    self.keep_adapter(files, job.seal)
                self._finished.keep(key, job.seal, trained.adapter)

            return distiller.distil(job, progress, keep).adapter

    def probe(self, adapter: PromptAdapter, job: DistillationJob) -> tuple[Probe, ...]:
        """See `AdaptingModel.probe`."""
        lessons = lessons_of(job, self.templates).sources
        prompts = Prompts(job, self._tokenizer)
        student = Respondent(
            self._model,
            prompts,
            self._store.pool,
            job.owner,
            self._store.owner_secret(job.owner),
            adapted=self._adapted.with_adapters([adapter]),
        )
        return tuple(probes(student, lessons, prompts, self.recipe.answer_tokens))

    def _still_holds(self, made: DistilledAdapter, job: DistillationJob) -> bool:
        """Whether what a job came to is what it would come to now."""
        if not made.evaluation.passed:
            return job.seconds is None  # with more time it might pass
        return self.has_adapter(PromptAdapter(made.sha256, job.seal))

    def _distiller(self) -> Distiller:
        return Distiller(
            self._model,
            self._tokenizer,
            self.templates,
            recipe=self.recipe,
            checkpoints=self._below(CHECKPOINTS),
            checkpoint_seconds=self.checkpoint_seconds,
            teacher=self.teacher,
        )

    def _below(self, name: str) -> Path | None:
        directory = self._adapters.directory
        return None if directory is None else directory / name
