"""The scheduler's decisions carried out: decided, kept in the log, and computed or evicted."""

from __future__ import annotations

from dataclasses import dataclass

from memos.infrastructure.chat_models.port import CachingModel
from memos.operation.chat.prompt import opening_of
from memos.operation.commands.batch import Batch
from memos.operation.forms.activate import ActivationRequest, activate
from memos.operation.forms.activation import Activation, activations, evict
from memos.operation.forms.reactivate import block_of
from memos.operation.receipt import Receipt
from memos.operation.scheduler.costs import Costs
from memos.operation.scheduler.plan import Plan, plan
from memos.operation.scheduler.policies import POLICIES
from memos.operation.scheduler.port import Budget
from memos.operation.scheduler.record import record
from memos.operation.session import Session

_LINE = '- "{}" [00000000]\n'
"""A memory as it stands in a block, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleRequest:
    """What is to be scheduled. See `Memory.schedule`.

    Attributes:
        scope: whose memories.
        policy: a name in `POLICIES`.
        budget: what the activation form may take.
        model: what computes it.
        instructions: what the caller's system message will say.
        dry_run: only decide.
    """

    scope: str
    policy: str
    budget: Budget
    model: CachingModel
    instructions: str
    dry_run: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """What a policy decided, and what was done about it; of a dry run only the plan.

    Attributes:
        plan: the decisions, with their reasons.
        recorded: the Decided events, one operation.
        activation: the memories that the policy keeps as KV cache; None where it keeps none.
        evicted: the activations of former decisions that it takes the place of.
    """

    plan: Plan
    recorded: Batch | None = None
    activation: Activation | None = None
    evicted: tuple[Receipt, ...] = ()


def schedule(session: Session, request: ScheduleRequest) -> Schedule:
    """See `Memory.schedule`."""
    per_token, milliseconds = request.model.prefill_costs()
    costs = Costs(
        bytes_per_token=per_token,
        milliseconds_per_token=milliseconds,
        count_tokens=lambda text: request.model.count_tokens(_LINE.format(text)),
    )
    budget = Budget(max(request.budget.bytes - per_token * _opening_tokens(request), 0))
    made = plan(session, request.scope, POLICIES[request.policy], budget, costs)
    if request.dry_run:
        return Schedule(plan=made)
    # Computed first: what the model does not take is not kept as decided.
    activation = _activated(session, request, made)
    return Schedule(
        plan=made,
        recorded=record(session, made),
        activation=activation,
        evicted=_evicted(session, request, activation),
    )


def _opening_tokens(request: ScheduleRequest) -> int:
    """Of what stands in front of the memories, and is computed with them."""
    return request.model.count_tokens(opening_of(request.instructions, has_memories=True))


def _activated(session: Session, request: ScheduleRequest, made: Plan) -> Activation | None:
    """All that the policy keeps, as one activation."""
    if not made.activated:
        return None
    wanted = ActivationRequest(
        context=block_of(request.scope),
        cube_ids=made.activated,
        model=request.model,
        instructions=request.instructions,
        policy=made.policy,
        leaves_out=True,
    )
    return activate(session, wanted, request.model.count_tokens)


def _evicted(
    session: Session, request: ScheduleRequest, kept: Activation | None
) -> tuple[Receipt, ...]:
    """Evict what former decisions activated in the same scope on a model of this name."""
    former = (
        each
        for each in activations(session, request.scope)
        if each.policy and each.scope == request.scope and each.model == request.model.name
    )
    return tuple(
        evict(session, each.cube_id, None)
        for each in former
        if kept is None or each.cube_id != kept.cube_id
    )
