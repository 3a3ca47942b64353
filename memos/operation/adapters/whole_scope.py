"""A scope distilled without naming memories: those that can be learnt together, and why the others are not."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from itertools import islice

from memos.infrastructure.governance.decision import Action
from memos.infrastructure.index.port import Order
from memos.kernel.errors import DistillationRefused
from memos.kernel.event import id_bytes, id_text
from memos.operation.adapters.backpatch import copies_in
from memos.operation.adapters.chosen import (
    MOST_LOOKED_AT,
    MOST_SOURCES,
    nothing_to_distil,
    policy_of,
    too_many,
)
from memos.operation.adapters.distil import distil
from memos.operation.adapters.distillation import Distillation, DistilRequest
from memos.operation.adapters.left_out import A_COPY, UNASKABLE, LeftOut, why_not_learnt
from memos.operation.cube import as_datetime
from memos.operation.reads.pinned_memories import memories_in_force
from memos.operation.reads.scope import SearchRequest, open_scope
from memos.operation.search.listing import Listing
from memos.operation.search.scope_view import ScopeView
from memos.operation.session import Session

_AT_ONCE = 200


def distil_scope(
    session: Session, request: DistilRequest, *, dry_run: bool = False
) -> Distillation:
    """See `Memory.distil`.

    Args:
        session: the open vault.
        request: its memories are not looked at.
        dry_run: only tell which memories it would be.
    """
    with session.gate.enter("distil") as passage:
        passage.require(Action.CREATE, request.scope)
        with open_scope(session, passage, SearchRequest(scope=request.scope)) as scope_view:
            if scope_view is None:
                raise nothing_to_distil(request.scope)
            names, left_out = _learnable(scope_view)
        passage.note(request.scope)
    while names:
        try:
            made = distil(session, replace(request, cube_ids=tuple(names)), dry_run=dry_run)
        except DistillationRefused as error:
            refused = [each for each in names if each in error.cube_ids]
            if not refused:
                raise
            left_out += [LeftOut(each, UNASKABLE) for each in refused]
            names = [each for each in names if each not in refused]
        else:
            return replace(made, left_out=tuple(left_out))
    told = "".join(f"; cube {each.cube_id} {each.why}" for each in left_out)
    raise DistillationRefused(f"{nothing_to_distil(request.scope)}{told}")


def _learnable(scope_view: ScopeView) -> tuple[list[str], list[LeftOut]]:
    """The memories of a scope that one adapter can hold, the oldest first; and why it cannot hold the others.

    Raises:
        InvalidInput: there are too many.
    """
    listing = Listing(scope_view.reader, scope_view.analyzer, scope_view.query, Order.OLDEST)
    listed = islice(listing.behind(None, _AT_ONCE), MOST_LOOKED_AT)
    cubes = {each.cube.cube_id: each.cube for each in listed}
    shown = memories_in_force(scope_view, list(cubes))
    now = as_datetime(scope_view.query.read_time)
    against = {name: why_not_learnt(cube, shown.get(name), now) for name, cube in cubes.items()}
    learnable = [name for name, why in against.items() if not why]
    for name in copies_in(scope_view.reader, learnable):
        against[name] = A_COPY
    learnable = [name for name in learnable if not against[name]]
    for name in _of_other_policies(scope_view, learnable):
        against[name] = (
            "differs from most in readers, sensitivity or purpose: distil those like it by themselves"
        )
    learnable = [name for name in learnable if not against[name]]
    if len(learnable) > MOST_SOURCES:
        raise too_many(len(learnable))
    return learnable, [LeftOut(name, why) for name, why in against.items() if why]


def _of_other_policies(scope_view: ScopeView, cube_ids: list[str]) -> list[str]:
    """Those that restrict something else than most of them do, of equals than the oldest."""
    heads = scope_view.reader.vault.heads_many(map(id_bytes, cube_ids))
    policies: Mapping[str, object] = {id_text(raw): policy_of(each) for raw, each in heads.items()}
    counted = Counter(policies[each] for each in cube_ids)
    common = max(counted, key=lambda policy: counted[policy], default=None)
    return [each for each in cube_ids if policies[each] != common]
