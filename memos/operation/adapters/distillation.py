"""What is asked of a distillation, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Self

from memos.infrastructure.chat_models.adapting import (
    AdaptingModel,
    DistillationSettings,
    Evaluation,
)
from memos.infrastructure.progress import Progress, no_progress
from memos.kernel.cube import CubeState
from memos.kernel.event import id_text
from memos.operation.adapter_manifest import ListedMemory, Parent
from memos.operation.adapters.adapter import Adapter
from memos.operation.adapters.keep import Base
from memos.operation.adapters.left_out import LeftOut


@dataclass(frozen=True, slots=True, kw_only=True)
class DistilRequest:
    """What is to be distilled. See `Memory.distil`.

    Attributes:
        scope: where the memories are, and the adapter is kept.
        cube_ids: the memories that it is to hold.
        distractors: what else it is trained with; None to have some drawn.
        model: what learns them.
        settings: how.
        seconds: how long that may take; None for as long as its steps take.
        policy: which decided on it; empty where a caller asked for it.
        parent: the adapter whose place it takes.
        leaves_out: whether what is not to be shown any more is left out, instead of refused.
        progress: told (steps taken, of how many).
    """

    scope: str
    cube_ids: tuple[str, ...]
    distractors: tuple[str, ...] | None
    model: AdaptingModel
    settings: DistillationSettings = field(default_factory=DistillationSettings)
    seconds: float | None = None
    policy: str = ""
    parent: Parent | None = None
    leaves_out: bool = False
    progress: Progress = no_progress

    @property
    def base(self) -> Base:
        """The model that is to learn."""
        return Base(self.model.name, self.model.model_digest.hex())


@dataclass(frozen=True, slots=True, kw_only=True)
class Distillation:
    """What became of memories that were to be distilled.

    Attributes:
        memories: what the adapter was made with, or of a dry run would be, and for what.
        promoted: whether the gate let it pass.
        adapter: the adapter; None where it was not promoted.
        evaluation: what was measured; its `refusals` say why it was not promoted.
        is_new: whether it was trained in this call; there may have been one.
        cube_id: the cube that has it, or its rejection; empty of a dry run.
        left_out: where no memories were named, those of the scope that it was not to hold, and why.
    """

    memories: tuple[ListedMemory, ...]
    promoted: bool = False
    adapter: Adapter | None = None
    evaluation: Evaluation | None = None
    is_new: bool = False
    cube_id: str = ""
    left_out: tuple[LeftOut, ...] = ()

    @classmethod
    def of_adapter(
        cls, adapter: Adapter, memories: tuple[ListedMemory, ...], *, is_new: bool
    ) -> Self:
        """An adapter that was promoted, made with these memories."""
        return cls(
            memories=memories,
            promoted=True,
            adapter=adapter,
            evaluation=adapter.evaluation,
            is_new=is_new,
            cube_id=adapter.cube_id,
        )

    @classmethod
    def of_rejection(
        cls,
        state: CubeState,
        memories: tuple[ListedMemory, ...],
        evaluation: Evaluation,
        *,
        is_new: bool,
    ) -> Self:
        """What did not pass the gate, and is told of in this cube."""
        return cls(
            memories=memories,
            evaluation=evaluation,
            is_new=is_new,
            cube_id=id_text(state.cube_id),
        )
