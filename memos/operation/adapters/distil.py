"""Plaintext and activation to parametric: memories learnt as an adapter, measured, and kept where they pass."""

from __future__ import annotations

from dataclasses import dataclass

from memos.infrastructure.chat_models.adapting import (
    DistillationJob,
    DistilledAdapter,
    Evaluation,
    Role,
)
from memos.infrastructure.chat_models.caching_models import kv_owner
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState
from memos.kernel.errors import Conflict, DistillationRefused, MemosError, TeacherUnavailable
from memos.kernel.event import id_bytes, id_text
from memos.kernel.scope import tenant_of
from memos.operation.adapter_manifest import (
    AdapterManifest,
    adapter_seal,
    sealed_adapter,
)
from memos.operation.adapters.adapter import Adapter, adapter_state, adapters_for
from memos.operation.adapters.chosen import ClusterRequest
from memos.operation.adapters.cluster import (
    Cluster,
    check_unchanged,
    cluster_sources,
    read_cluster,
)
from memos.operation.adapters.distillation import Distillation, DistilRequest
from memos.operation.adapters.keep import adapter_key, begin, promote
from memos.operation.adapters.retire import let_go, retire_unfinished
from memos.operation.adapters.verdict import rejections, verdict
from memos.operation.chat.prompt import opening_of
from memos.operation.gate import Passage
from memos.operation.reads.adapters import KnownAdapter
from memos.operation.reads.context_block import CLOSE
from memos.operation.receipt import raise_rejected
from memos.operation.session import Session


@dataclass(frozen=True, slots=True)
class _Begun:
    """A distillation whose cube is there.

    Attributes:
        job: what the model is to learn.
        cluster: the memories as they were read.
        state: the cube.
        standing: what the cube has of it already, if anything.
    """

    job: DistillationJob
    cluster: Cluster
    state: CubeState
    standing: Distillation | None


def distil(session: Session, request: DistilRequest, *, dry_run: bool = False) -> Distillation:
    """See `Memory.distil`."""
    with session.gate.enter("distil") as passage:
        passage.require(Action.CREATE, request.scope)
        cluster = read_cluster(
            session,
            passage,
            ClusterRequest(
                scope=request.scope,
                cube_ids=request.cube_ids,
                distractors=request.distractors,
                model_digest=request.base.digest,
                seed=request.settings.seed,
                leaves_out=request.leaves_out,
            ),
        )
        read = [(id_bytes(each.cube_id), each.version) for each in cluster.memories]
        passage.note(request.scope, read)
    if dry_run:
        return Distillation(memories=cluster.listed)
    begun = _begin(session, request, cluster)
    if begun.standing is not None:
        return begun.standing
    # Minutes pass here, and nothing is held meanwhile.
    try:
        made = request.model.distil(begun.job, request.progress)
    except (DistillationRefused, TeacherUnavailable):
        retire_unfinished(session, begun.state)
        raise
    return _end(session, request, begun, made)


def _begin(session: Session, request: DistilRequest, cluster: Cluster) -> _Begun:
    with session.gate.enter("distil") as passage:
        passage.require(Action.CREATE, request.scope)
        state = begin(session, passage, request.scope, cluster, request.base)
        with session.engine.read() as reader:
            job = DistillationJob(
                owner=kv_owner(session.engine.setting("vault_id"), tenant_of(request.scope)),
                memories=cluster.memories,
                opening=opening_of("", has_memories=True),
                closing=CLOSE,
                bare_opening=opening_of("", has_memories=False),
                settings=request.settings,
                seal=adapter_seal(reader, state.cube_id, cluster.listed),
                seconds=request.seconds,
            )
            known = adapters_for(passage, reader).of(state.cube_id)
            standing = None
            if known is not None and known.is_live and _is_same(request, cluster, job, known):
                assert known.manifest is not None  # noqa: S101 # it is live
                if request.model.has_adapter(sealed_adapter(reader, state.cube_id, known.manifest)):
                    standing = Distillation.of_adapter(
                        Adapter.of(passage, reader, known), known.manifest.memories, is_new=False
                    )
            else:
                key = job.key(request.model.model_digest).hex()
                for rejection in rejections(reader, state.cube_id):
                    # With more time it might pass.
                    if rejection.job == key and rejection.seconds is None:
                        standing = Distillation.of_rejection(
                            state, cluster.listed, rejection.evaluation, is_new=False
                        )
        return _Begun(job, cluster, state, standing)


def _is_same(
    request: DistilRequest, cluster: Cluster, job: DistillationJob, known: KnownAdapter
) -> bool:
    """Whether an adapter is what is asked for: where distractors are drawn, with others of these too."""
    manifest = known.manifest
    if manifest is None:
        return False
    if request.distractors is not None:
        return manifest.job == job.key(request.model.model_digest).hex()
    held = tuple(each for each in cluster.listed if each.role == Role.SOURCE)
    return manifest.settings == request.settings and manifest.sources == held


def _end(
    session: Session, request: DistilRequest, begun: _Begun, made: DistilledAdapter
) -> Distillation:
    """Keep what was trained, or that it was refused."""
    try:
        with session.gate.enter("distil") as passage:
            passage.require(Action.CREATE, request.scope)
            if made.evaluation.passed:
                return _promote(session, passage, request, begun, made)
            return _reject(session, passage, request, begun, made.evaluation)
    except MemosError as error:
        if isinstance(error, Conflict):
            with session.gate.enter("distil") as passage:
                passage.require(Action.CREATE, request.scope)
                kept = _kept(session, passage, begun, made)
            if kept is not None:
                return kept  # another call was faster
        # What is no longer as it was read is not kept either.
        let_go(session, tenant_of(request.scope), [made.sha256])
        retire_unfinished(session, begun.state)
        raise


def _promote(
    session: Session,
    passage: Passage,
    request: DistilRequest,
    begun: _Begun,
    made: DistilledAdapter,
) -> Distillation:
    kept = _kept(session, passage, begun, made)
    if kept is not None and kept.adapter is not None and kept.adapter.sha256 == made.sha256.hex():
        return kept  # the model had lost it
    cluster = begun.cluster
    roles = {each.cube_id: each.role for each in cluster.memories}
    sources = cluster_sources(session, passage, request.scope, roles)
    check_unchanged(cluster.memories, sources)
    manifest = AdapterManifest.of(
        made,
        job=begun.job.key(made.model_digest),
        model=request.model.name,
        memories=cluster.listed,
        settings=request.settings,
        parent=request.parent,
        valid_until=cluster.valid_until,
        policy=request.policy,
    )
    state = promote(session, passage, begun.state, sources, manifest)
    with session.engine.read() as reader:
        adapter = Adapter.of(passage, reader, KnownAdapter(state, manifest, ()))
    return Distillation.of_adapter(adapter, cluster.listed, is_new=True)


def _reject(
    session: Session,
    passage: Passage,
    request: DistilRequest,
    begun: _Begun,
    evaluation: Evaluation,
) -> Distillation:
    state = adapter_state(session, passage, id_text(begun.state.cube_id), Action.WRITE)
    with session.engine.read() as reader:
        cube_key = adapter_key(reader, state)
    decided = verdict(
        session,
        passage,
        state,
        cube_key,
        job=begun.job.key(request.model.model_digest),
        settings=request.settings,
        evaluation=evaluation,
        seconds=request.seconds,
    )
    (committed,) = session.engine.writer.commit([decided])
    raise_rejected(committed)
    return Distillation.of_rejection(state, begun.cluster.listed, evaluation, is_new=True)


def _kept(
    session: Session, passage: Passage, begun: _Begun, made: DistilledAdapter
) -> Distillation | None:
    """What the cube has of the same job already, as long as it may answer."""
    job = begun.job.key(made.model_digest).hex()
    with session.engine.read() as reader:
        known = adapters_for(passage, reader).of(begun.state.cube_id)
        if (
            known is None
            or known.manifest is None
            or not known.is_live
            or known.manifest.job != job
        ):
            return None
        adapter = Adapter.of(passage, reader, known)
    return Distillation.of_adapter(adapter, begun.cluster.listed, is_new=False)
