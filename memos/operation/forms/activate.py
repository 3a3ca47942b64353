"""Plaintext to activation: memories computed as KV cache ahead of a question, and a cube that says so."""

from __future__ import annotations

from dataclasses import dataclass

from memos.infrastructure.chat_models.caching_models import kv_owner
from memos.infrastructure.chat_models.port import CachedPrefix, CachingModel
from memos.infrastructure.engine.commit import Draft
from memos.infrastructure.engine.port import Transaction
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.keys.envelope import seal_body
from memos.kernel.cube import CubeState, Form
from memos.kernel.errors import Conflict, InvalidInput, MemosError
from memos.kernel.event import Kind
from memos.kernel.lifecycle import CONTENT_STATES
from memos.kernel.lineage import Relation
from memos.kernel.scope import check_scope, tenant_of
from memos.operation.chat.prompt import chat_prompt
from memos.operation.commands.body import put_content
from memos.operation.commands.draft import Sources, add_sources, create_cube, new_event
from memos.operation.commands.new_memory import NewMemory
from memos.operation.commands.sources import source_versions
from memos.operation.forms.activation import Activation, manifest_of
from memos.operation.forms.manifest import MEDIA_TYPE, ActivationManifest
from memos.operation.gate import Passage
from memos.operation.reads.context_block import Citation
from memos.operation.reads.head import is_readable
from memos.operation.reads.quote import CountTokens
from memos.operation.reads.stable_context import StableContext, StableRequest, pinned_context
from memos.operation.receipt import raise_rejected
from memos.operation.session import Session
from memos.wire.body_pb2 import Body


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivationRequest:
    """What is to be activated. See `Memory.activate`.

    Attributes:
        context: of one scope.
        cube_ids: what stands behind the memories that are tagged for the pinned block.
        model: what computes it.
        instructions: what the caller's system message will say.
        policy: of the scheduler, which decided on it.
        leaves_out: whether what is not to be shown any more is left out, instead of refused.
    """

    context: StableRequest
    cube_ids: tuple[str, ...]
    model: CachingModel
    instructions: str
    policy: str = ""
    leaves_out: bool = False

    @property
    def scope(self) -> str:
        """Where the activation is kept."""
        return check_scope(self.context.search.scope)


def activate(session: Session, request: ActivationRequest, count_tokens: CountTokens) -> Activation:
    """See `Memory.activate`."""
    with session.gate.enter("activate") as passage:
        passage.require(Action.CREATE, request.scope)
        context = pinned_context(
            session,
            passage,
            request.context,
            request.cube_ids,
            count_tokens,
            leaves_out=request.leaves_out,
        )
        if not context.pinned.citations:
            raise InvalidInput(
                f"there is nothing to activate in {request.scope}: tag memories pinned or policy, or name some"
            )
        prefix = _prefill(session, request, context)
        cited = context.pinned.citations
        try:
            sources = _sources(session, passage, request.scope, cited)
        except MemosError:
            # What is no longer to be read is not kept either.
            owner = kv_owner(session.engine.setting("vault_id"), tenant_of(request.scope))
            request.model.evict(owner, [cite.cube_id for cite in cited])
            raise
        manifest = ActivationManifest.of(
            request.model.name,
            prefix,
            sources.versions,
            request.instructions,
            context.state,
            request.policy,
        )
        state, is_new = _kept(session, passage, request.scope, sources, manifest)
        return Activation.of(state, manifest, prefix, is_new=is_new)


def _prefill(session: Session, request: ActivationRequest, context: StableContext) -> CachedPrefix:
    prompt = chat_prompt(
        session,
        scope=request.scope,
        instructions=request.instructions,
        pinned=context.pinned,
        messages=(),
        max_tokens=0,
    )
    return request.model.prefill(prompt)


def _sources(
    session: Session, passage: Passage, scope: str, cited: tuple[Citation, ...]
) -> Sources:
    """The memories as they stand now, which must be as they were read.

    Raises:
        Conflict: one was changed meanwhile.
        NotFound, Denied, SourceErased: one is not there any more, or not the actor's to read.
    """
    ids = [cite.cube_id for cite in cited]
    sources = source_versions(session, passage, ids, Relation.CACHED_AS, scope)
    for cite, source in zip(cited, sources.versions, strict=True):
        if source.version != cite.version:
            raise Conflict(
                f"cube {cite.cube_id} is at version {source.version} now, and version {cite.version} was "
                "computed: activate again",
                source.version,
            )
    return sources


def _kept(
    session: Session,
    passage: Passage,
    scope: str,
    sources: Sources,
    manifest: ActivationManifest,
) -> tuple[CubeState, bool]:
    """The cube that says so: one that is there, or else a new one; and whether it is new."""
    drafts = _drafts(session, passage, scope, sources, manifest)

    def keep(transaction: Transaction) -> tuple[CubeState, bool]:
        standing = _standing(passage, transaction.reader(), scope, sources, manifest)
        if standing is not None:
            return standing, False
        for draft in drafts:
            committed = transaction.append(draft)
            raise_rejected(committed)
        assert committed.state is not None  # noqa: S101 # it was accepted
        return committed.state, True

    return session.engine.writer.transact(keep)


def _standing(
    passage: Passage,
    reader: Reader,
    scope: str,
    sources: Sources,
    manifest: ActivationManifest,
) -> CubeState | None:
    """The same activation, if there is one that the actor sees."""
    for edge in reader.vault.edges(sources.versions[0].cube_id, downstream=True):
        if edge.relation is not Relation.CACHED_AS:
            continue
        state = reader.vault.head(edge.derived[0])
        if state is None or state.scope != scope or not _is_live(passage, reader, state):
            continue
        there = manifest_of(reader, state)
        if there is not None and there.is_of(manifest):
            return state
    return None


def _is_live(passage: Passage, reader: Reader, state: CubeState) -> bool:
    return (
        state.form is Form.ACTIVATION
        and state.lifecycle in CONTENT_STATES
        and is_readable(passage, reader, state.cube_id)
    )


def _drafts(
    session: Session,
    passage: Passage,
    scope: str,
    sources: Sources,
    manifest: ActivationManifest,
) -> list[Draft]:
    """The cube, under the strictest of its sources' headers, and what was computed as its next version."""
    memory = NewMemory(scope=scope, text=manifest.title)
    made = create_cube(session, memory, sources, form=Form.ACTIVATION)
    assert made.cube_key is not None  # noqa: S101 # a new cube has a key of its own
    body = Body()
    event = new_event(
        session,
        Kind.CACHED,
        made.event.cube_id,
        scope,
        operation_id=made.event.operation_id,
        expected_version=1,
        passage=passage,
    )
    event.cached.manifest_digest = manifest.digest
    event.cached.model_id = manifest.model
    event.parts = put_content(body, MEDIA_TYPE, manifest.content)
    add_sources(event, sources.versions, binding=True)
    seal_body(made.cube_key, event, body)
    return [made, Draft(event, body)]
