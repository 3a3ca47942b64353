"""Calls that turn memories from one form into another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from memos.interface.memory.door import Door
from memos.kernel.errors import InvalidInput, shorten
from memos.kernel.event import id_text
from memos.kernel.scope import check_scope
from memos.operation.reads.budget import check_budget, counting
from memos.operation.reads.quote import CountTokens, estimate_tokens
from memos.operation.validation import check_choice, check_flag, check_id, check_list

if TYPE_CHECKING:
    from memos.infrastructure.chat_models.port import CachingModel
    from memos.operation.forms.activation import Activation, Materialised
    from memos.operation.forms.schedule import Schedule
    from memos.operation.receipt import Receipt


class FormingCalls(Door):
    """Calls that turn memories from one form into another. See `Memory`."""

    def activate(
        self,
        cube_ids: Iterable[str] = (),
        *,
        scope: str,
        model: CachingModel,
        instructions: str = "",
        pinned_tokens: int = 2000,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        count_tokens: CountTokens = estimate_tokens,
    ) -> Activation:
        """Plaintext to activation: compute memories as KV cache of a model ahead of a question.

        The memories of a scope that are tagged policy or pinned come first, as they do in `chat`, and the
        others behind them. The model keeps what it computes until others need its room, or it is evicted. A
        cube says which memories at which versions, on what model and behind which instructions: it may be
        read by whoever may read all of them then, and what undoes or erases one of them reaches it. Where
        the same is active already, no cube is made.

        A `chat` in the scope finds the cache when its pinned block begins with these memories, its system
        message says the same, and `filter` and `as_of` are the same: begin it with the activation's `state`.
        Whatever is cached, only what selection has just returned is in an answer.

        Args:
            cube_ids: memories of the scope that stand behind those that are tagged.
            scope: of the memories, and of the cube.
            model: a local model, or a pool of them.
            instructions: what the conversation's system message will say.
            pinned_tokens: how many tokens the memories may have, by `count_tokens`.
            filter: what must hold of the tagged ones, as in `search`.
            count_tokens: a model's own counter; by default `estimate_tokens`.

        Raises:
            InvalidInput: there is nothing to activate, a memory is not to be shown there, or they do not fit.
            Conflict: a memory was changed while it was computed.
            ModelUnavailable: the model cannot be asked, or has no room.
        """
        from memos.infrastructure.chat_models import check_caching_model
        from memos.operation.forms.activate import ActivationRequest, activate
        from memos.operation.reads.scope import SearchRequest
        from memos.operation.reads.stable_context import StableRequest

        within = check_scope(scope)
        budget = check_budget(pinned_tokens, "pinned_tokens")
        context = StableRequest(
            search=SearchRequest(text="", scope=within, filter=filter),
            budget_tokens=budget,
            pinned_tokens=budget,
            history_tokens=budget,
        )
        request = ActivationRequest(
            context=context,
            cube_ids=tuple(id_text(check_id(each)) for each in check_list(cube_ids, "cube_ids")),
            model=check_caching_model(model),
            instructions=_checked_instructions(instructions),
        )
        return activate(self._session, request, counting(count_tokens))

    def reactivate(
        self, scope: str, *, model: CachingModel, count_tokens: CountTokens = estimate_tokens
    ) -> tuple[Activation, ...]:
        """Compute again what the log says is active on a model in a scope and under it: after a restart of the
        model, and where memories have changed. Such an activation gets a successor, of the memories as they
        are now, and is evicted; what is not to be shown any more is left out.

        Args:
            scope: where to look.
            model: what computes it; activations of models of other names stay as they are.
            count_tokens: a model's own counter; by default `estimate_tokens`.

        Returns:
            What is active on the model now.

        Raises:
            Conflict: a memory was changed while it was computed.
            ModelUnavailable: the model cannot be asked, or has no room.
        """
        from memos.infrastructure.chat_models import check_caching_model
        from memos.operation.forms.reactivate import reactivate

        return reactivate(
            self._session, check_scope(scope), check_caching_model(model), counting(count_tokens)
        )

    def activations(self, scope: str) -> tuple[Activation, ...]:
        """What is active in a scope and under it, the oldest first.

        Args:
            scope: where to look.
        """
        from memos.operation.forms.activation import activations

        return activations(self._session, scope)

    def evict(self, cube_id: str, *, expected_version: int | None = None) -> Receipt:
        """End an activation: its cube is archived, and the models of this process let go of what they
        computed of its memories, but for those of other activations. The memories stay as they are.

        Args:
            cube_id: the activation.
            expected_version: refuse if the cube is at another version.

        Raises:
            InvalidInput: it is no activation.
            NotFound, Denied: there is none, or the actor may not write it.
            IllegalMove: it was evicted before.
        """
        from memos.operation.forms.activation import evict

        return evict(self._session, cube_id, expected_version)

    def materialise(self, cube_id: str) -> Materialised:
        """Activation to plaintext: the memories that it was computed from, each at the version that was
        computed.

        Args:
            cube_id: the activation.

        Raises:
            InvalidInput: it is no activation.
            NotFound, Denied: there is none, or the actor may not read it.
        """
        from memos.operation.forms.activation import materialise

        return materialise(self._session, cube_id)

    def schedule(
        self,
        scope: str,
        *,
        budget_bytes: int,
        model: CachingModel,
        policy: str = "cost_aware",
        instructions: str = "",
        dry_run: bool = False,
    ) -> Schedule:
        """Let a policy decide which memories of a scope a model keeps as KV cache, and see to it.

        The policy goes by the access log, and decides on the memories that the actor may read and change:
        `cost_aware` keeps what saves most milliseconds for each byte at its rate of use, `lru` and `lfu`
        what was used last or most, `labels` what is tagged policy or pinned or has a priority, `nearness`
        what means about the same as what was used last (it needs an embedder). Each change is a Decided
        event with its reason, all of them one operation. What is kept is one activation, in the place of
        that of the decision before.

        Args:
            scope: whose memories.
            budget_bytes: what they may take as KV cache, by the model's own figures, with what stands in
                front of them; memories that are tagged policy or pinned come beside them.
            model: a local model, or a pool of them.
            policy: which one decides.
            instructions: what a conversation's system message will say.
            dry_run: only decide.

        Raises:
            InvalidInput: an argument does not fit, or there are too many memories.
            IllegalMove: a memory changed since it was decided on: schedule again.
            ModelUnavailable: the model cannot be asked, or has no room.
        """
        from memos.infrastructure.chat_models import check_caching_model
        from memos.operation.forms.schedule import ScheduleRequest, schedule
        from memos.operation.scheduler.policies import POLICIES
        from memos.operation.scheduler.port import Budget

        request = ScheduleRequest(
            scope=check_scope(scope),
            policy=check_choice(policy, POLICIES, "policy"),
            budget=Budget(budget_bytes),
            model=check_caching_model(model),
            instructions=_checked_instructions(instructions),
            dry_run=check_flag(dry_run, "dry_run"),
        )
        return schedule(self._session, request)


def _checked_instructions(instructions: object) -> str:
    if not isinstance(instructions, str):
        raise InvalidInput(f"instructions must be a text, not {shorten(instructions)}")
    try:
        instructions.encode()
    except UnicodeEncodeError:
        raise InvalidInput(
            "instructions hold half of a surrogate pair, which no model reads"
        ) from None
    return instructions
