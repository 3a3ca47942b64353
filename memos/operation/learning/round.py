"""A round of learning: what is asked of it, and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from memos.infrastructure.chat_models.adapting import AdaptingModel, DistillationSettings
from memos.operation.adapters.left_out import LeftOut


@dataclass(frozen=True, slots=True, kw_only=True)
class LearnRequest:
    """What is to be learnt. See `Memory.learn`.

    Attributes:
        scope: whose memories.
        model: what learns them.
        policy: a name in `LEARNING_POLICIES`.
        budget_bytes: what all adapters of the scope may take.
        budget_seconds: how long training may take in a round; None for as long as it takes.
        settings: how adapters are trained.
        waits: whether a cluster that grows waits for more; see `is_due`.
    """

    scope: str
    model: AdaptingModel
    policy: str
    budget_bytes: int
    budget_seconds: float | None = None
    settings: DistillationSettings = field(default_factory=DistillationSettings)
    waits: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Learnt:
    """A cluster for which an adapter was trained.

    Attributes:
        adapter: its cube; of a refusal, the one that tells of it; empty where nothing could be learnt.
        memories: how many it was to hold.
        promoted: whether the gate let it pass.
        seconds: what training took.
        accuracy, retention: as of its evaluation; None where nothing was measured.
        why: why it was trained, or not promoted.
    """

    adapter: str
    memories: int
    promoted: bool
    seconds: float
    accuracy: float | None
    retention: float | None
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RetiredAdapter:
    """An adapter that was retired, and why."""

    adapter: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LearningRound:
    """What came of a round.

    Attributes:
        number: the how manieth of the scope, from 1; 0 where nothing happened, and nothing was kept of it.
        at: when it began: what was in the log then, it has looked at.
        model, policy: the names of what learnt, and what decided.
        candidates: how many memories were looked at.
        wanted: how many of them the policy has in adapters.
        held: how many of these are in one now.
        adapters, bytes: that are live in the scope now, and what they take.
        learnt: what was trained in this round.
        retired: what was retired.
        waiting: memories of clusters that are not due yet.
        left: memories that were not learnt since the budget was used up, or is too small for them.
        unlearnable: memories that were found in this round to be nothing that can be asked about, each at its version.
        left_out: memories that the policy has in adapters and that cannot be learnt as they are, and why.
        retention: of the questions that earlier adapters were asked in this round, the share that they
            answered as their memories say; None where none was asked.
        seconds: what the round took.
        is_over: whether it came to its end, and was not stopped.
    """

    number: int = 0
    at: datetime
    model: str
    policy: str
    candidates: int = 0
    wanted: int = 0
    held: int = 0
    adapters: int = 0
    bytes: int = 0
    learnt: tuple[Learnt, ...] = ()
    retired: tuple[RetiredAdapter, ...] = ()
    waiting: int = 0
    left: int = 0
    unlearnable: tuple[tuple[str, int], ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    retention: float | None = None
    seconds: float = 0.0
    is_over: bool = True

    @property
    def has_changed(self) -> bool:
        """Whether it did anything."""
        return bool(self.learnt or self.retired or self.unlearnable)
