"""What a model has to do that learns memories as LoRA adapters, and answers with them."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from hashlib import sha256
from pathlib import Path
from typing import Protocol, runtime_checkable

from memos.infrastructure.chat_models.port import CachingModel, PromptAdapter
from memos.infrastructure.progress import Progress, no_progress


class Role(StrEnum):
    """What a memory is for in a distillation.

    SOURCE: the adapter holds it. DISTRACTOR: of the sources' kind; what is asked of it stays as it is.
    REPLAYED: another adapter of the scope holds it, and it must go on to. NEUTRAL: anything else.
    """

    SOURCE = "source"
    DISTRACTOR = "distractor"
    REPLAYED = "replayed"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True, kw_only=True)
class LessonMemory:
    """A memory that a distillation uses.

    Attributes:
        cube_id, version: which it is.
        digest: SHA-256 of what is sealed there (32 bytes).
        role: what it is for.
        text: what it says.
        line: as it stands in a prompt's block of memories, with the line's end.
    """

    cube_id: str
    version: int
    digest: bytes
    role: Role
    text: str
    line: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What an adapter must reach to be promoted.

    Attributes:
        gap_closed: of the distance in nats between answering without and with the memories in context.
        accuracy: on held-out questions, as a share of the teacher's.
        retention: answers on replayed memories and on what the base knew that stay right, as a share.
        in_context: accuracy on questions about memories that stand in the prompt, as a share of the base's.
        locality: at most so many nats of KL(base ‖ adapter) a token on unrelated prompts.
        least_gap: distances below it (nats) are no gap to close: the base knows these memories already, or
            they are nothing that can be asked about.
        teacher: the least accuracy of the teacher itself on held-out questions.
    """

    gap_closed: float = 0.9
    accuracy: float = 0.9
    retention: float = 0.95
    in_context: float = 0.95
    locality: float = 0.05
    least_gap: float = 0.1
    teacher: float = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillationSettings:
    """How an adapter is trained; by default so that a small model of a real language learns a few memories in minutes
    (`benchmarks.distill_smollm2`).

    Attributes:
        seed: of all that is drawn.
        rank, alpha: of the adapter's matrices, and what scales them: alpha / rank.
        learning_rate: at its highest.
        steps: at most.
        batch: questions a step.
        retention_weight: λ of KL(base ‖ student) on what is not to change.
        thresholds: of the gate.
        teacher: the name of the model that writes the answers to be learnt, which whoever learns has at hand; empty
            for the base. What the answers' tokens are to be is the base's word in either case.
    """

    seed: int = 0
    rank: int = 16
    alpha: float = 16.0
    learning_rate: float = 1.2e-3
    steps: int = 90
    batch: int = 8
    retention_weight: float = 4.0
    thresholds: Thresholds = field(default_factory=Thresholds)
    teacher: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillationJob:
    """Memories to be distilled into one adapter, from the base model.

    Attributes:
        owner: whose memories they are, a vault's tenant.
        memories: in the order in which they stand in the teacher's context.
        opening, closing: what stands around memories in a prompt.
        bare_opening: what stands in a prompt without memories.
        settings: how.
        seal: a secret that ends with the key of any memory here: what is written of the job does not open
            without it. Empty where nothing may be written.
        seconds: how long it may take; None for as long as its steps take.
    """

    owner: str
    memories: tuple[LessonMemory, ...]
    opening: str
    closing: str
    bare_opening: str
    settings: DistillationSettings
    seal: bytes = field(default=b"", repr=False)
    seconds: float | None = None

    def key(self, model_digest: bytes) -> bytes:
        """SHA-256 (32 bytes) over all that the adapter depends on: the same job is not done twice."""
        told = {
            "model": model_digest.hex(),
            "owner": self.owner,
            "around": [self.opening, self.closing, self.bare_opening],
            "memories": [
                [each.cube_id, each.version, each.digest.hex(), each.role, each.line]
                for each in self.memories
            ],
            "settings": asdict(self.settings),
        }
        return sha256(json.dumps(told, sort_keys=True).encode()).digest()

    def of_role(self, *roles: Role) -> tuple[LessonMemory, ...]:
        """The memories that are for one of these, in order."""
        return tuple(each for each in self.memories if each.role in roles)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """What an adapter was measured to do; see `Thresholds`. A figure is None where there was nothing to
    measure it on.

    Attributes:
        refusals: why it is not promoted, each with its figure; empty where it may be.
        by_memory: accuracy on the held-out questions of each source, by cube.
    """

    gap: float | None
    gap_closed: float | None
    teacher_accuracy: float
    accuracy: float
    base_accuracy: float
    retention: float | None
    in_context: float | None
    locality: float
    refusals: tuple[str, ...] = ()
    by_memory: Mapping[str, float] = field(default_factory=dict)

    @property
    def passed(self) -> bool:
        """Whether it may be promoted."""
        return not self.refusals


@dataclass(frozen=True, slots=True, kw_only=True)
class DistilledAdapter:
    """An adapter as a model has trained and kept it.

    Attributes:
        sha256: of the file of its tensors, as safetensors (32 bytes).
        size: of that file, in bytes.
        scale: alpha / rank.
        model_digest: of the base, as `AdapterServingModel` has it (32 bytes).
        tokenizer_digest: of the base's tokenizer.
        generator: the version of what made questions of memories.
        steps: that were taken.
        seconds: what training and evaluation took.
        loss: the training loss at the end, in nats.
        evaluation: what it was measured to do.
    """

    sha256: bytes
    size: int
    scale: float
    model_digest: bytes
    tokenizer_digest: bytes
    generator: str
    steps: int
    seconds: float
    loss: float
    evaluation: Evaluation


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What an adapter said of a memory that it holds, asked without it.

    Attributes:
        cube_id: the memory.
        question: what it was asked.
        answer: what it answered to that.
        confidence: the share of questions about the memory, however they are put, that it answered so.
    """

    cube_id: str
    question: str
    answer: str
    confidence: float


@runtime_checkable
class AdapterServingModel(CachingModel, Protocol):
    """A model that keeps adapters, and answers with those that a prompt names."""

    @property
    def model_digest(self) -> bytes:
        """Of the base without adapters: an adapter is of one base (32 bytes).

        Raises:
            ModelUnavailable: the model cannot be asked.
        """
        ...

    def has_adapter(self, adapter: PromptAdapter) -> bool:
        """Whether it could answer with an adapter now: it is kept, opens, and is of this base."""
        ...

    def forget_adapters(self, digests: Collection[bytes]) -> int:
        """Let go of adapters, by their `sha256`, and of what was computed with them; how many there were."""
        ...


@runtime_checkable
class AdaptingModel(AdapterServingModel, Protocol):
    """A model that learns memories as adapters too."""

    def distil(self, job: DistillationJob, progress: Progress = no_progress) -> DistilledAdapter:
        """Train an adapter, measure it, and keep it if it passed. A job that was cut off goes on where it
        was; one that was done before is not done again.

        Args:
            job: what to learn, and how.
            progress: told (steps taken, of how many).

        Raises:
            DistillationRefused: there is nothing that can be learnt, or training broke down.
            TeacherUnavailable: the teacher that the settings name is not at hand, or failed: nothing is left of the
                job.
            ModelUnavailable: the model cannot be asked.
        """
        ...

    def probe(self, adapter: PromptAdapter, job: DistillationJob) -> tuple[Probe, ...]:
        """Ask an adapter about the sources of a job, one after the other, without any memory in the prompt:
        what the job's questions are made of is not shown to it.

        Raises:
            DistillationRefused: nothing in these memories can be asked about.
            ModelUnavailable: the model does not have the adapter, or cannot be asked.
        """
        ...

    def export_adapter(self, adapter: PromptAdapter, directory: Path) -> None:
        """Write an adapter as peft has it, in clear.

        Raises:
            ModelUnavailable: the model does not have it.
        """
        ...
