"""Which memories a distillation is made with: of one policy, each for what it is to be."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass
from itertools import islice

from memos.infrastructure.chat_models.adapting import Role
from memos.infrastructure.index.port import Order
from memos.kernel.cube import CubeState
from memos.kernel.errors import DistillationRefused, InvalidInput
from memos.kernel.event import id_bytes, id_text
from memos.kernel.restriction import readers_of
from memos.operation.reads.adapters import Adapters
from memos.operation.reads.context_block import text_of
from memos.operation.reads.pinned_memories import memories_in_force
from memos.operation.search.hits import Hit
from memos.operation.search.listing import Listing
from memos.operation.search.scope_view import ScopeView

MOST_SOURCES = 64
"""In one adapter."""
MOST_REPLAYED, MOST_DISTRACTORS = 16, 16
"""How many memories of either role are drawn, where the caller names none."""
MOST_LOOKED_AT = 2000
"""Memories of a scope from which distractors are drawn, the oldest first."""
_AT_ONCE = 200

Policy = tuple[object, ...]
"""What a memory's header restricts: memories of one adapter are alike in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterRequest:
    """Which memories are to be distilled.

    Attributes:
        scope: where they are, and the adapter is kept.
        cube_ids: the sources.
        distractors: what else is asked about while it is trained; None to have some drawn.
        model_digest: of the base, in hex: what its other adapters of the scope hold is replayed.
        seed: of the draw.
        leaves_out: whether what is not to be shown any more is left out, instead of refused.
    """

    scope: str
    cube_ids: tuple[str, ...]
    distractors: tuple[str, ...] | None
    model_digest: str
    seed: int
    leaves_out: bool = False


def nothing_to_distil(scope: str) -> DistillationRefused:
    """The error where there are no memories."""
    return DistillationRefused(f"there is nothing to distil in {scope}: name memories of it")


def too_many(count: int) -> InvalidInput:
    """The error where there are more memories than an adapter holds."""
    return InvalidInput(
        f"{count} memories are too many for one adapter: name up to {MOST_SOURCES} that belong together, or "
        "learn the scope"
    )


def chosen_memories(
    scope_view: ScopeView, known: Adapters, request: ClusterRequest
) -> tuple[dict[str, Hit], dict[str, Role]]:
    """The memories of a request, by id, the sources first, the oldest of them first; and what each is for.

    Raises:
        InvalidInput: one is not to be shown there, says nothing, or there are too many.
        DistillationRefused: there is none, or they are of several policies.
    """
    sources = _oldest_first(_in_force(scope_view, request, request.cube_ids))
    if not sources:
        raise nothing_to_distil(request.scope)
    if len(sources) > MOST_SOURCES:
        raise too_many(len(sources))
    if request.leaves_out:
        sources = _of_common_policy(scope_view, sources)
    policy = _one_policy(scope_view, sources)
    held = _held(known, request)
    if request.distractors is None:
        others = _drawn(scope_view, request.seed, held, policy, sources)
    else:
        others = _named(scope_view, request, policy, sources)
    roles = dict.fromkeys(sources, Role.SOURCE) | {
        cube_id: Role.REPLAYED if cube_id in held else Role.DISTRACTOR for cube_id in others
    }
    return {**sources, **others}, roles


def _in_force(
    scope_view: ScopeView, request: ClusterRequest, cube_ids: Iterable[str]
) -> dict[str, Hit]:
    """Memories as they are now, in the order of their ids."""
    wanted = sorted({*cube_ids})
    shown = memories_in_force(scope_view, wanted)
    said = {cube_id: hit for cube_id, hit in shown.items() if text_of(hit).strip()}
    absent = [cube_id for cube_id in wanted if cube_id not in said]
    if absent and not request.leaves_out:
        raise InvalidInput(
            f"{', '.join(absent)} cannot be distilled in {request.scope}: it is not there, not yours to read, "
            "archived, over, superseded, or says nothing"
        )
    return said


def _oldest_first(hits: Mapping[str, Hit]) -> dict[str, Hit]:
    """By when they hold or were said: of two that contradict each other a model learns the later one."""
    return dict(
        sorted(hits.items(), key=lambda item: (item[1].valid_from or item[1].changed, item[0]))
    )


def _held(known: Adapters, request: ClusterRequest) -> frozenset[str]:
    """What other adapters of the base hold in the scope, as it is now."""
    return frozenset(
        each.cube_id
        for adapter in known.within(request.scope)
        if adapter.is_live and adapter.manifest is not None
        if adapter.manifest.model_digest == request.model_digest
        for each in adapter.manifest.sources
        if each.cube_id not in request.cube_ids
    )


def policy_of(state: CubeState) -> Policy:
    """What a memory restricts."""
    header = state.header
    return readers_of(header), header.sensitivity, header.purpose


def _of_common_policy(scope_view: ScopeView, hits: Mapping[str, Hit]) -> dict[str, Hit]:
    """Of some memories those that restrict what most of them do."""
    heads = scope_view.reader.vault.heads_many(map(id_bytes, hits))
    policies = {id_text(raw): policy_of(state) for raw, state in heads.items()}
    counted = Counter(policies[cube_id] for cube_id in hits)
    (common, _), *_ = counted.most_common(1)
    return {cube_id: hit for cube_id, hit in hits.items() if policies[cube_id] == common}


def _one_policy(scope_view: ScopeView, hits: Mapping[str, Hit]) -> Policy:
    """What all of these restrict.

    Raises:
        DistillationRefused: they differ.
    """
    heads = scope_view.reader.vault.heads_many(map(id_bytes, hits))
    first = next(iter(heads.values()))
    for state in heads.values():
        if policy_of(state) != policy_of(first):
            raise DistillationRefused(
                f"cubes {id_text(first.cube_id)} and {id_text(state.cube_id)} differ in readers, sensitivity or "
                "purpose: an adapter holds memories of one policy, so distil each group by itself"
            )
    return policy_of(first)


def _named(
    scope_view: ScopeView, request: ClusterRequest, policy: Policy, sources: Mapping[str, Hit]
) -> dict[str, Hit]:
    """What the caller names beside the sources.

    Raises:
        DistillationRefused: it is of another policy.
    """
    others = _in_force(scope_view, request, {*(request.distractors or ())} - sources.keys())
    kept = frozenset(_of_policy(scope_view, others, policy))
    if len(kept) < len(others) and not request.leaves_out:
        raise DistillationRefused(
            "a distractor differs from the memories in readers, sensitivity or purpose: an adapter is made "
            "with memories of one policy"
        )
    return {cube_id: hit for cube_id, hit in others.items() if cube_id in kept}


def _drawn(
    scope_view: ScopeView,
    seed: int,
    held: Set[str],
    policy: Policy,
    sources: Mapping[str, Hit],
) -> dict[str, Hit]:
    """Some of what else is there of the policy: the same ones for the same seed."""
    listing = Listing(scope_view.reader, scope_view.analyzer, scope_view.query, Order.OLDEST)
    listed = islice(listing.behind(None, _AT_ONCE), MOST_LOOKED_AT)
    there = held | {each.cube.cube_id for each in listed}
    fitting = sorted(_of_policy(scope_view, there - sources.keys(), policy))
    draw = random.Random(seed)  # noqa: S311 # no secret
    replayed = _sample(draw, [each for each in fitting if each in held], MOST_REPLAYED)
    new = _sample(draw, [each for each in fitting if each not in held], MOST_DISTRACTORS)
    shown = memories_in_force(scope_view, sorted([*replayed, *new]))
    return {cube_id: hit for cube_id, hit in shown.items() if text_of(hit).strip()}


def _of_policy(scope_view: ScopeView, cube_ids: Iterable[str], policy: Policy) -> list[str]:
    heads = scope_view.reader.vault.heads_many(map(id_bytes, cube_ids))
    return [id_text(raw) for raw, state in heads.items() if policy_of(state) == policy]


def _sample(draw: random.Random, cube_ids: list[str], most: int) -> list[str]:
    return draw.sample(cube_ids, min(most, len(cube_ids)))
