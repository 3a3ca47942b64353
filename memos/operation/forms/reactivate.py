"""What the log says is active, computed again: after a restart, and where its memories have changed."""

from __future__ import annotations

from memos.infrastructure.chat_models.port import CachingModel
from memos.kernel.errors import InvalidInput
from memos.operation.forms.activate import ActivationRequest, activate
from memos.operation.forms.activation import Activation, activations, evict
from memos.operation.reads.quote import CountTokens
from memos.operation.reads.scope import SearchRequest
from memos.operation.reads.stable_context import StableRequest
from memos.operation.session import Session

ROOM = 2**31
"""Tokens: an activation was within a budget when it was made."""


def block_of(scope: str) -> StableRequest:
    """A context of one scope whose pinned block may be as long as it is."""
    return StableRequest(
        search=SearchRequest(text="", scope=scope),
        budget_tokens=ROOM,
        pinned_tokens=ROOM,
        history_tokens=ROOM,
    )


def reactivate(
    session: Session, scope: str, model: CachingModel, count_tokens: CountTokens
) -> tuple[Activation, ...]:
    """See `Memory.reactivate`."""
    wanted = [each for each in activations(session, scope) if each.model == model.name]
    fresh: dict[str, Activation] = {}
    for former in wanted:
        made = _again(session, former, model, count_tokens)
        if made is not None:
            fresh[made.cube_id] = made
        if made is None or made.cube_id != former.cube_id:
            evict(session, former.cube_id, None)
    return tuple(fresh.values())


def _again(
    session: Session, former: Activation, model: CachingModel, count_tokens: CountTokens
) -> Activation | None:
    """The same memories as they are now; None where none of them is to be shown any more."""
    request = ActivationRequest(
        context=block_of(former.scope),
        cube_ids=tuple(cite.cube_id for cite in former.memories),
        model=model,
        instructions=former.instructions,
        policy=former.policy,
        leaves_out=True,
    )
    try:
        return activate(session, request, count_tokens)
    except InvalidInput:
        return None
