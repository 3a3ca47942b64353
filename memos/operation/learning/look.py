"""What there is to learn in a scope: what the policy wants learnt, what is, and the clusters of both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from memos.infrastructure.governance.decision import Action
from memos.kernel.event import id_bytes
from memos.operation.adapters.backpatch import copies_in
from memos.operation.adapters.left_out import A_COPY, UNASKABLE, LeftOut, why_not_learnt
from memos.operation.cube import MemCube, as_datetime, try_cube
from memos.operation.learning.clusters import MOST_MEMORIES, Cluster, clustered
from memos.operation.learning.costs import learning_costs
from memos.operation.learning.memories import (
    LearnableMemory,
    learnable_memories,
    with_vectors,
)
from memos.operation.learning.record import rounds_of
from memos.operation.learning.round import LearnRequest
from memos.operation.learning.standing import (
    LearntAdapter,
    Standing,
    former_clusters,
    is_refused,
    standing_clusters,
    standing_in,
)
from memos.operation.reads.pinned_memories import memories_in_force
from memos.operation.reads.scope import SearchRequest, open_scope
from memos.operation.scheduler.costs import Costs
from memos.operation.scheduler.plan import Plan, plan
from memos.operation.scheduler.policies import LEARNING_POLICIES
from memos.operation.scheduler.port import Budget, Policy
from memos.operation.search.scope_view import ScopeView
from memos.operation.session import Session


@dataclass(frozen=True, slots=True)
class Look:
    """A scope as a round of learning finds it.

    Attributes:
        plan: what the policy decided.
        standing: what is learnt, and was refused.
        memories: those that are to be in adapters and are in force, by id, in the order in which they arrived.
        superfluous: adapters that may go, and why.
        left_out: those that are to be in adapters and cannot be learnt as they are, and why.
        beyond: how many more would be in adapters, were there more room for these.
    """

    plan: Plan
    standing: Standing
    memories: Mapping[str, LearnableMemory]
    superfluous: Sequence[tuple[LearntAdapter, str]]
    left_out: Sequence[LeftOut] = ()
    beyond: int = 0

    @property
    def kept(self) -> list[LearntAdapter]:
        """The adapters that stay."""
        going = {adapter.cube_id for adapter, _ in self.superfluous}
        return [each for each in self.standing.adapters if each.cube_id not in going]

    @property
    def held(self) -> frozenset[str]:
        """The memories that these hold."""
        return frozenset().union(*(each.held for each in self.kept))


def standing(session: Session, request: LearnRequest) -> Standing:
    """What is learnt in the scope now."""
    with session.gate.enter("learn") as passage:
        passage.require(Action.READ, request.scope)
        with session.engine.stream() as reader:
            return standing_in(
                passage, reader, request.scope, request.model.model_digest, request.settings
            )


def look(session: Session, request: LearnRequest) -> Look:
    """What there is to learn.

    Raises:
        Denied, InvalidInput: as of `plan`; or the actor may make nothing there.
    """
    with session.gate.enter("learn") as passage:
        passage.require(Action.CREATE, request.scope)
    learnt = standing(session, request)
    costs = learning_costs(request.model, learnt, request.settings)
    policy = LEARNING_POLICIES[request.policy]
    made = plan(session, request.scope, policy, Budget(0, request.budget_bytes), costs)
    beyond = _beyond(session, request, made, policy, costs)
    with session.gate.enter("learn") as passage:
        wanted = SearchRequest(scope=request.scope)
        with open_scope(session, passage, wanted) as scope_view:
            memories: dict[str, LearnableMemory] = {}
            left_out: list[LeftOut] = []
            if scope_view is not None:
                memories = learnable_memories(session, scope_view, made.parametric)
                left_out = _left_out(session, scope_view, request, made, memories)
                for each in left_out:
                    memories.pop(each.cube_id, None)
        passage.note(request.scope)
    return Look(made, learnt, memories, _superfluous(learnt, memories), left_out, beyond)


def _beyond(
    session: Session, request: LearnRequest, made: Plan, policy: Policy, costs: Costs
) -> int:
    """How many memories more a policy would have in adapters, had these all the room that they could take."""
    room = request.budget_bytes - len(made.parametric) * costs.adapter_bytes
    if room >= costs.adapter_bytes or len(made.parametric) == made.candidates:
        return 0
    whole = Budget(0, made.candidates * costs.adapter_bytes)
    return len(plan(session, request.scope, policy, whole, costs).parametric) - len(made.parametric)


def _left_out(
    session: Session,
    scope_view: ScopeView,
    request: LearnRequest,
    made: Plan,
    memories: Mapping[str, LearnableMemory],
) -> list[LeftOut]:
    """What a policy has in adapters and cannot be learnt: what is not in force, says nothing, was found to be nothing
    that can be asked about, or is told by another memory that is here.
    """
    unlearnable = _unlearnable(session, request)
    copies = copies_in(scope_view.reader, memories.keys())
    left_out: list[LeftOut] = []
    for name in made.parametric:
        if name not in memories:
            why = _why_not_in_force(scope_view, name)
        elif (name, memories[name].memory.version) in unlearnable:
            why = UNASKABLE
        else:
            why = A_COPY if name in copies else ""
        if why:
            left_out.append(LeftOut(name, why))
    return left_out


def _why_not_in_force(scope_view: ScopeView, cube_id: str) -> str:
    attempt = scope_view.reader.vault.state_at(id_bytes(cube_id))
    cube = None if attempt is None else try_cube(scope_view.reader, attempt)
    if not isinstance(cube, MemCube):
        return "is gone"
    shown = memories_in_force(scope_view, [cube_id]).get(cube_id)
    return why_not_learnt(cube, shown, as_datetime(scope_view.query.read_time))


def clusters_of(session: Session, seen: Look) -> list[Cluster]:
    """The clusters of what is to be learnt: those of adapters, which grow, those of adapters that may answer no
    more, and new ones. What was refused together with what an adapter holds is put into clusters of its own.
    """
    ours = [each for each in seen.kept if each.is_ours]
    memories = _embedded(session, seen, ours)
    waiting = {name: each for name, each in memories.items() if name not in seen.held}
    former = former_clusters(seen.standing.former, waiting)
    together = {name for each in former for name in each.cube_ids}
    arriving = [each.memory for name, each in waiting.items() if name not in together]
    clusters = clustered([*standing_clusters(ours, memories), *former], arriving)

    def refused(cluster: Cluster) -> bool:
        return is_refused(cluster, seen.standing, seen.memories)

    apart = [
        memories[name].memory
        for each in clusters
        if refused(each)
        for name in each.cube_ids
        if each.learnt and name not in each.learnt
    ]
    if not apart:
        return [each for each in clusters if not refused(each)]
    grown = {each.adapter for each in clusters if refused(each)}
    as_they_were = standing_clusters([each for each in ours if each.cube_id in grown], memories)
    return [each for each in (*clusters, *as_they_were, *clustered([], apart)) if not refused(each)]


def _embedded(
    session: Session, seen: Look, adapters: Sequence[LearntAdapter]
) -> Mapping[str, LearnableMemory]:
    """The memories, with embeddings where they are to find a cluster, or another one may join theirs."""
    full = {name for each in adapters if len(each.held) >= MOST_MEMORIES for name in each.held}
    wanted = [each for name, each in seen.memories.items() if name not in full]
    embedded = {each.memory.cube_id: each for each in with_vectors(session, wanted)}
    return {name: embedded.get(name, each) for name, each in seen.memories.items()}


def _superfluous(
    learnt: Standing, memories: Mapping[str, LearnableMemory]
) -> list[tuple[LearntAdapter, str]]:
    """Adapters of the actor's that hold nothing that is to be learnt, or nothing that no newer one holds."""
    going: list[tuple[LearntAdapter, str]] = []
    held: set[str] = set()
    for adapter in reversed(learnt.adapters):
        wanted = adapter.held & memories.keys()
        if adapter.is_ours and not wanted:
            going.append((adapter, "the policy wants none of its memories in an adapter"))
        elif adapter.is_ours and wanted <= held:
            going.append((adapter, "newer adapters hold its memories"))
        else:
            held |= wanted
    return going


def _unlearnable(session: Session, request: LearnRequest) -> frozenset[tuple[str, int]]:
    """What former rounds found that nothing can be asked about, each at its version."""
    with session.engine.read() as reader:
        return frozenset(
            each
            for made in rounds_of(session, reader, request.scope)
            if made.model == request.model.name
            for each in made.unlearnable
        )
