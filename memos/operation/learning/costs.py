"""What learning memories costs a model: as it was measured before, or else about."""

from __future__ import annotations

from memos.infrastructure.chat_models.adapting import AdaptingModel, DistillationSettings
from memos.operation.learning.clusters import MOST_MEMORIES
from memos.operation.learning.standing import Standing
from memos.operation.scheduler.costs import Costs

_EXERCISE_TOKENS = 32
_PASSES = 3
"""Forward, and backward twice as long."""


def learning_costs(
    model: AdaptingModel, standing: Standing, settings: DistillationSettings
) -> Costs:
    """The costs of a model's forms; an adapter's are shared by as many memories as it may hold."""
    per_token, milliseconds = model.prefill_costs()
    tokens = settings.steps * settings.batch * _EXERCISE_TOKENS
    training = 1000 * standing.seconds or _PASSES * tokens * milliseconds
    return Costs(
        bytes_per_token=per_token,
        milliseconds_per_token=milliseconds,
        count_tokens=model.count_tokens,
        adapter_bytes=-(-standing.adapter_bytes // MOST_MEMORIES),
        training_milliseconds=training / MOST_MEMORIES,
    )
