"""The memories of a distillation: read as the actor sees them, of one policy, each for what it is to be."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from memos.infrastructure.chat_models.adapting import LessonMemory, Role
from memos.infrastructure.index.port import Order
from memos.kernel.cube import CubeState
from memos.kernel.errors import Conflict, DistillationRefused, InvalidInput
from memos.kernel.event import id_bytes, id_text
from memos.kernel.lineage import Relation
from memos.kernel.restriction import readers_of
from memos.operation.adapter_manifest import ListedMemory
from memos.operation.commands.draft import Sources
from memos.operation.commands.sources import source_versions
from memos.operation.cube import EPOCH, as_datetime
from memos.operation.gate import Passage
from memos.operation.reads.adapters import Adapters
from memos.operation.reads.context_block import Citation, quoted_line, text_of
from memos.operation.reads.labels import by_cube
from memos.operation.reads.pinned_memories import memories_in_force
from memos.operation.reads.scope import SearchRequest, open_scope
from memos.operation.search.hits import Hit
from memos.operation.search.listing import Listing
from memos.operation.search.scope_view import ScopeView
from memos.operation.session import Session

MOST_SOURCES = 64
"""In one adapter; the figures of docs/decisions/0045 are of up to 32."""
MOST_REPLAYED, MOST_DISTRACTORS = 16, 16
"""How many memories of either role are drawn, where the caller names none."""
MOST_LOOKED_AT = 2000
"""Memories of a scope from which distractors are drawn, the oldest first."""
_AT_ONCE = 200


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


@dataclass(frozen=True, slots=True)
class Cluster:
    """Memories as they were read for a distillation.

    Attributes:
        memories: the sources first, each role in the order of the ids.
        sources: the same as versions, with what they restrict.
        valid_until: when the first of the sources is no longer true, in microseconds; None for never.
    """

    memories: tuple[LessonMemory, ...]
    sources: Sources
    valid_until: int | None

    @property
    def listed(self) -> tuple[ListedMemory, ...]:
        """As a manifest lists them."""
        return tuple(
            ListedMemory(each.cube_id, each.version, each.digest.hex(), each.role.value)
            for each in self.memories
        )


def read_cluster(session: Session, passage: Passage, request: ClusterRequest) -> Cluster:
    """The memories that are to be distilled, and those that are to stay as they are.

    Raises:
        InvalidInput: one is not to be shown there, says nothing, or there are too many.
        DistillationRefused: there is none, or they are of several policies.
        Conflict: one was changed while it was read.
    """
    with open_scope(session, passage, SearchRequest(scope=request.scope)) as scope_view:
        if scope_view is None:
            raise _nothing(request.scope)
        known = Adapters(scope_view.reader, scope_view.query.permitted.check, passage.time)
        held = _held(known, request)
        sources = _in_force(scope_view, request, sorted(request.cube_ids))
        if not sources:
            raise _nothing(request.scope)
        if len(sources) > MOST_SOURCES:
            raise InvalidInput(
                f"{len(sources)} memories are too many for one adapter: distil up to {MOST_SOURCES} at a time"
            )
        if request.leaves_out:
            sources = _of_common_policy(scope_view, sources)
        policy = _one_policy(scope_view, sources)
        others = _others(scope_view, request, held, policy, sources)
        roles = dict.fromkeys(sources, Role.SOURCE) | {
            cube_id: Role.REPLAYED if cube_id in held else Role.DISTRACTOR for cube_id in others
        }
        hits = {**sources, **others}
        read_time = as_datetime(scope_view.query.read_time)
    versions = cluster_sources(session, passage, request.scope, roles)
    return _cluster(hits, roles, versions, read_time)


def cluster_sources(
    session: Session, passage: Passage, scope: str, roles: Mapping[str, Role]
) -> Sources:
    """Memories as versions: what an adapter holds is distilled into it, what else it was made with is
    something that it is derived from.
    """
    held = [cube_id for cube_id, role in roles.items() if role is Role.SOURCE]
    others = [cube_id for cube_id, role in roles.items() if role is not Role.SOURCE]
    of_held = source_versions(session, passage, held, Relation.DISTILLED_INTO, scope)
    of_others = source_versions(session, passage, others, Relation.DERIVED_FROM, scope)
    return Sources(
        of_held.versions + of_others.versions,
        tuple(sorted({*of_held.subjects, *of_others.subjects})),
        of_held.restricted + of_others.restricted,
        of_held.labels or of_others.labels,
    )


def check_unchanged(memories: Iterable[LessonMemory | ListedMemory], sources: Sources) -> None:
    """Refuse versions that are no longer those that were read.

    Raises:
        Conflict: a memory was changed meanwhile.
    """
    for read, now in zip(memories, sources.versions, strict=True):
        if read.version != now.version:
            raise Conflict(
                f"cube {read.cube_id} is at version {now.version} now, and version {read.version} was read "
                "to be distilled: distil again",
                now.version,
            )


def _nothing(scope: str) -> DistillationRefused:
    return DistillationRefused(f"there is nothing to distil in {scope}: name memories of it")


def _in_force(
    scope_view: ScopeView, request: ClusterRequest, cube_ids: Sequence[str]
) -> dict[str, Hit]:
    shown = memories_in_force(scope_view, list(dict.fromkeys(cube_ids)))
    said = {cube_id: hit for cube_id, hit in shown.items() if text_of(hit).strip()}
    absent = [cube_id for cube_id in dict.fromkeys(cube_ids) if cube_id not in said]
    if absent and not request.leaves_out:
        raise InvalidInput(
            f"{', '.join(absent)} cannot be distilled in {request.scope}: it is not there, not yours to read, "
            "archived, over, superseded, or says nothing"
        )
    return said


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


def _policy(state: CubeState) -> tuple[object, ...]:
    header = state.header
    return readers_of(header), header.sensitivity, header.purpose


def _of_common_policy(scope_view: ScopeView, hits: Mapping[str, Hit]) -> dict[str, Hit]:
    """Of some memories those that restrict what most of them do."""
    heads = scope_view.reader.vault.heads_many(map(id_bytes, hits))
    policies = {id_text(raw): _policy(state) for raw, state in heads.items()}
    counted = Counter(policies[cube_id] for cube_id in hits)
    (common, _), *_ = counted.most_common(1)
    return {cube_id: hit for cube_id, hit in hits.items() if policies[cube_id] == common}


def _one_policy(scope_view: ScopeView, hits: Mapping[str, Hit]) -> tuple[object, ...]:
    """What all of these restrict.

    Raises:
        DistillationRefused: they differ.
    """
    heads = scope_view.reader.vault.heads_many(map(id_bytes, hits))
    first = next(iter(heads.values()))
    for state in heads.values():
        if _policy(state) != _policy(first):
            raise DistillationRefused(
                f"cubes {id_text(first.cube_id)} and {id_text(state.cube_id)} differ in readers, sensitivity or "
                "purpose: an adapter holds memories of one policy, so distil each group by itself"
            )
    return _policy(first)


def _others(
    scope_view: ScopeView,
    request: ClusterRequest,
    held: Set[str],
    policy: tuple[object, ...],
    sources: Mapping[str, Hit],
) -> dict[str, Hit]:
    """What else the training asks about, of the same policy."""
    if request.distractors is not None:
        others = _in_force(scope_view, request, sorted({*request.distractors} - sources.keys()))
        if request.leaves_out:
            kept = frozenset(_of_policy(scope_view, others, policy))
            return {cube_id: hit for cube_id, hit in others.items() if cube_id in kept}
        if others and _one_policy(scope_view, others) != policy:
            raise DistillationRefused(
                "a distractor differs from the memories in readers, sensitivity or purpose: an adapter is made "
                "with memories of one policy"
            )
        return others
    listing = Listing(scope_view.reader, scope_view.analyzer, scope_view.query, Order.OLDEST)
    listed = (each.cube.cube_id for each in islice(listing.behind(None, _AT_ONCE), MOST_LOOKED_AT))
    candidates = {cube_id for cube_id in listed if cube_id not in sources}
    fitting = sorted(_of_policy(scope_view, candidates | held, policy))
    draw = random.Random(request.seed)  # noqa: S311 # no secret
    replayed = _drawn(draw, [each for each in fitting if each in held], MOST_REPLAYED)
    new = _drawn(draw, [each for each in fitting if each not in held], MOST_DISTRACTORS)
    shown = memories_in_force(scope_view, sorted([*replayed, *new]))
    return {cube_id: hit for cube_id, hit in shown.items() if text_of(hit).strip()}


def _of_policy(
    scope_view: ScopeView, cube_ids: Iterable[str], policy: tuple[object, ...]
) -> list[str]:
    heads = scope_view.reader.vault.heads_many(map(id_bytes, cube_ids))
    return [id_text(raw) for raw, state in heads.items() if _policy(state) == policy]


def _drawn(draw: random.Random, cube_ids: list[str], most: int) -> list[str]:
    return draw.sample(cube_ids, min(most, len(cube_ids)))


def _cluster(
    hits: Mapping[str, Hit], roles: Mapping[str, Role], sources: Sources, read_time: datetime
) -> Cluster:
    labels = by_cube(list(hits))
    memories = tuple(
        LessonMemory(
            cube_id=hit.cube_id,
            version=hit.version,
            digest=version.digest,
            role=roles[hit.cube_id],
            text=text_of(hit),
            line=quoted_line(
                hit, read_time, [Citation(hit.cube_id, hit.version, labels[hit.cube_id])]
            ),
        )
        for hit, version in zip(hits.values(), sources.versions, strict=True)
    )
    check_unchanged(memories, sources)
    ends = [
        (hit.valid_until - EPOCH) // timedelta(microseconds=1)
        for hit in hits.values()
        if roles[hit.cube_id] is Role.SOURCE and hit.valid_until is not None
    ]
    return Cluster(memories, sources, min(ends, default=None))
