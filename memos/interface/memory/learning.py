"""Calls that have a model learn memories as they arrive."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from memos.infrastructure.progress import Progress, no_progress
from memos.interface.memory.adapting import checked_seconds, checked_settings
from memos.interface.memory.door import Door
from memos.kernel.scope import check_scope
from memos.operation.validation import check_callable, check_choice

if TYPE_CHECKING:
    from memos.infrastructure.chat_models.adapting import AdaptingModel, DistillationSettings
    from memos.operation.learning.round import LearningRound


def _never() -> bool:
    return False


class LearningCalls(Door):
    """Calls that have a model learn memories as they arrive. See `Memory`."""

    def learn(
        self,
        scope: str,
        *,
        model: AdaptingModel,
        budget_bytes: int,
        budget_seconds: float | None = None,
        policy: str = "three_forms",
        settings: DistillationSettings | None = None,
        follow: Callable[[LearningRound], object] | None = None,
        is_stopped: Callable[[], bool] = _never,
        progress: Progress = no_progress,
    ) -> LearningRound:
        """Let a policy decide which memories of a scope a model holds in adapters, and see to it.

        Memories that the policy wants learnt are put into clusters of at most 32, each of one scope and of
        memories that the same actors may read and change. An adapter is distilled for each cluster; memories of
        other adapters are replayed, so that they stay. It takes the place of the cluster's former one if it
        passes the gate. Adapters that are outdated, and those whose memories the policy wants no longer, are
        retired; two that are about the same become one, if that passes. Adapters that `distil` made stay, and
        what they hold is learnt.

        All that it goes by is in the log: a round that was cut off is gone on with by the next. What came of a
        round in which anything happened is kept; see `learning_curve`.

        Args:
            scope: whose memories.
            model: a local model with the extra parametric.
            budget_bytes: what the adapters of the scope may take.
            budget_seconds: how long training may take in a round.
            policy: `three_forms` learns what is stable and so much used that it pays for its training, `lasting`
                all that has no end.
            settings: how adapters are trained, and what they must reach.
            follow: go on, and call this with each round. A cluster that grows waits then until it has doubled, is
                full, or has waited for ten times as long as training takes.
            is_stopped: asked between steps; it ends the round, or the following, when it says yes.
            progress: called with (steps taken, of how many) of each training.

        Returns:
            The round; of those that followed the last.

        Raises:
            InvalidInput: an argument does not fit, or there are too many memories.
            Denied: the actor may not read there, or not make adapters.
            ModelUnavailable: the model cannot be asked.
        """
        from memos.infrastructure.chat_models import check_adapting_model
        from memos.infrastructure.chat_models.adapting import DistillationSettings
        from memos.operation.learning.follow import keep_learning
        from memos.operation.learning.learn import learn_once
        from memos.operation.learning.round import LearnRequest
        from memos.operation.scheduler.policies import LEARNING_POLICIES
        from memos.operation.scheduler.port import Budget

        request = LearnRequest(
            scope=check_scope(scope),
            model=check_adapting_model(model),
            policy=check_choice(policy, LEARNING_POLICIES, "policy"),
            budget_bytes=Budget(budget_bytes).bytes,
            budget_seconds=checked_seconds(budget_seconds, "budget_seconds"),
            settings=DistillationSettings() if settings is None else checked_settings(settings),
            waits=follow is not None,
        )
        stopped = check_callable(is_stopped, "is_stopped")
        report = check_callable(progress, "progress")
        if follow is None:
            return learn_once(self._session, request, is_stopped=stopped, progress=report)
        told = check_callable(follow, "follow")
        return keep_learning(self._session, request, told, is_stopped=stopped, progress=report)

    def learning_curve(self, scope: str) -> tuple[LearningRound, ...]:
        """What came of the rounds of learning in a scope that this actor had run, the oldest first: how many
        memories were in adapters, what these took, and how much of what earlier ones held they still knew.

        Args:
            scope: as of `learn`.
        """
        from memos.operation.learning.record import learning_curve

        return learning_curve(self._session, scope)
