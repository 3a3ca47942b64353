"""Parametric to plaintext: what an adapter says of the memories that it holds, written as memories again."""

from __future__ import annotations

from dataclasses import dataclass

from memos.infrastructure.chat_models.adapting import (
    AdaptingModel,
    DistillationJob,
    LessonMemory,
    Probe,
    Role,
)
from memos.infrastructure.chat_models.caching_models import kv_owner
from memos.infrastructure.chat_models.port import PromptAdapter
from memos.infrastructure.governance.decision import Action
from memos.kernel.errors import IllegalMove, ModelUnavailable, NotFound
from memos.kernel.event import id_text
from memos.kernel.scope import tenant_of
from memos.operation.adapter_manifest import (
    AdapterManifest,
    ListedMemory,
    promoted_versions,
    sealed_adapter,
)
from memos.operation.adapters.adapter import adapter_state
from memos.operation.chat.prompt import opening_of
from memos.operation.commands.add import add
from memos.operation.commands.new_memory import NewMemory
from memos.operation.cube import Forgotten
from memos.operation.reads.context_block import CLOSE
from memos.operation.reads.get import StateRequest, get
from memos.operation.receipt import Receipt
from memos.operation.session import Session

SEMANTIC_TYPE = "backpatch"


@dataclass(frozen=True, slots=True)
class Backpatched:
    """A memory that an adapter told.

    Attributes:
        receipt: of the memory that was written.
        source: the memory that the adapter learnt.
        text: what was written.
        confidence: see `Probe`.
    """

    receipt: Receipt
    source: str
    text: str
    confidence: float


def backpatch(session: Session, cube_id: str, model: AdaptingModel) -> tuple[Backpatched, ...]:
    """See `Memory.backpatch`."""
    with session.gate.enter("backpatch") as passage:
        state = adapter_state(session, passage, cube_id, Action.READ)
        passage.require(Action.CREATE, state.scope)
        with session.engine.read() as reader:
            versions = list(promoted_versions(reader, state.cube_id))
            attempt, manifest = versions[-1] if versions else (None, None)
            if attempt is None or manifest is None:
                raise IllegalMove(f"adapter {cube_id} holds nothing that could be asked for")
            adapter = sealed_adapter(reader, state.cube_id, manifest)
        passage.note(state.scope, [(state.cube_id, state.version)])
    job = DistillationJob(
        owner=kv_owner(session.engine.setting("vault_id"), tenant_of(state.scope)),
        memories=_sources(session, manifest),
        opening=opening_of("", has_memories=True),
        closing=CLOSE,
        bare_opening=opening_of("", has_memories=False),
        settings=manifest.settings,
    )
    _check_there(model, adapter, cube_id)
    told = model.probe(adapter, job)
    named = f"{id_text(state.cube_id)}@{attempt.outcome.version}"
    return tuple(_written(session, state.scope, named, probe) for probe in told)


def _check_there(model: AdaptingModel, adapter: PromptAdapter, cube_id: str) -> None:
    if not adapter.seal or not model.has_adapter(adapter):
        raise ModelUnavailable(
            f"{model.name} does not have adapter {cube_id}: rebuild it there, or ask the model that it is of"
        )


def _sources(session: Session, manifest: AdapterManifest) -> tuple[LessonMemory, ...]:
    """What was learnt, as far as the actor may read it: what is to be asked is made of it."""
    return tuple(
        lesson for each in manifest.sources if (lesson := _lesson(session, each)) is not None
    )


def _lesson(session: Session, listed: ListedMemory) -> LessonMemory | None:
    try:
        read = get(session, listed.cube_id, StateRequest(version=listed.version), any_state=True)
    except NotFound:
        return None
    if isinstance(read, Forgotten):
        return None
    return LessonMemory(
        cube_id=listed.cube_id,
        version=listed.version,
        digest=bytes.fromhex(listed.digest),
        role=Role.SOURCE,
        text=read.text,
        line="",
    )


def _written(session: Session, scope: str, named: str, probe: Probe) -> Backpatched:
    """The memory of an answer: derived from the adapter, so that its rollback and its erase reach it."""
    text = f"{probe.question} {probe.answer}".strip()
    adapter, _, _ = named.partition("@")
    memory = NewMemory(
        scope=scope,
        text=text,
        semantic_type=SEMANTIC_TYPE,
        metadata={
            "adapter": named,
            "confidence": probe.confidence,
            "question": probe.question,
            "answer": probe.answer,
        },
        derived_from=(adapter,),
        idempotency_key=f"backpatch {named} {probe.cube_id}",
    )
    return Backpatched(add(session, memory), probe.cube_id, text, probe.confidence)
