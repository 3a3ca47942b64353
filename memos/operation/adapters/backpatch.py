"""Parametric to plaintext: what an adapter says of the memories that it holds, written as memories again."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from memos.infrastructure.chat_models.adapting import (
    AdaptingModel,
    DistillationJob,
    LessonMemory,
    Probe,
    Role,
)
from memos.infrastructure.chat_models.caching_models import kv_owner
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import CubeState, Form
from memos.kernel.errors import AlreadyErased, Conflict, IllegalMove, ModelUnavailable
from memos.kernel.event import id_bytes, id_text
from memos.kernel.lineage import Relation
from memos.kernel.scope import tenant_of
from memos.operation.adapter_manifest import (
    AdapterManifest,
    ListedMemory,
    promoted_versions,
    sealed_adapter,
)
from memos.operation.adapters.adapter import adapter_state
from memos.operation.adapters.left_out import LeftOut
from memos.operation.chat.prompt import opening_of
from memos.operation.commands.add import with_key
from memos.operation.commands.draft import Sources, create_cube
from memos.operation.commands.idempotency import identify_one
from memos.operation.commands.new_memory import NewMemory
from memos.operation.commands.sources import source_versions
from memos.operation.cube import parts_left_by
from memos.operation.gate import Passage
from memos.operation.reads.adapters import Adapters
from memos.operation.reads.context_block import CLOSE, text_of
from memos.operation.reads.head import require_all_readable
from memos.operation.reads.pinned_memories import memories_in_force
from memos.operation.reads.scope import SearchRequest, open_scope
from memos.operation.receipt import Receipt, receipt_of
from memos.operation.search.hits import Hit
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


@dataclass(frozen=True, slots=True)
class Backpatch:
    """What became of the memories that an adapter holds.

    Attributes:
        written: what it told of them, in the order in which it holds them.
        left_out: those of which nothing was written: what it learnt of them is not so any more.
    """

    written: tuple[Backpatched, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class _Asked:
    """The adapter that is asked.

    Attributes:
        state: its cube.
        version: the one that was promoted last.
        manifest: of that version.
    """

    state: CubeState
    version: int
    manifest: AdapterManifest

    @property
    def cube_id(self) -> str:
        """Of its cube."""
        return id_text(self.state.cube_id)

    @property
    def name(self) -> str:
        """Its cube and version, as a memory says what told it."""
        return f"{self.cube_id}@{self.version}"


def backpatch(session: Session, cube_id: str, model: AdaptingModel) -> Backpatch:
    """See `Memory.backpatch`."""
    with session.gate.enter("backpatch") as passage:
        state = adapter_state(session, passage, cube_id, Action.READ)
        passage.require(Action.CREATE, state.scope)
        with session.engine.read() as reader:
            asked = _asked(reader, state)
            require_all_readable(passage, reader, state, _listed(asked))
            adapter = sealed_adapter(reader, state.cube_id, asked.manifest)
        held, left_out = _in_force(session, passage, asked)
        read = [(id_bytes(each.cube_id), each.version) for each in held.values()]
        passage.note(state.scope, [(state.cube_id, state.version), *read])
    if not held:
        told = "; ".join(f"cube {each.cube_id} {each.why}" for each in left_out)
        raise IllegalMove(f"of what adapter {cube_id} holds, nothing is so any more: {told}")
    if not adapter.seal or not model.has_adapter(adapter):
        raise ModelUnavailable(
            f"{model.name} does not have adapter {cube_id}: rebuild it there, or ask the model that it is of"
        )
    # Minutes pass here, and nothing is held meanwhile.
    told_of = {each.cube_id: each for each in model.probe(adapter, _job(session, asked, held))}
    with session.gate.enter("backpatch") as passage:
        passage.require(Action.CREATE, state.scope)
        held, left_out = _in_force(session, passage, asked)
        written: list[Backpatched] = []
        for name, hit in held.items():
            if name not in told_of:
                left_out.append(LeftOut(name, "is nothing that it can be asked about"))
                continue
            try:
                written.append(_written(session, passage, asked, hit, told_of[name]))
            except Conflict:
                left_out.append(LeftOut(name, "was changed while it was asked about"))
            except AlreadyErased:
                left_out.append(LeftOut(name, "was written back before, and that was erased"))
        passage.note(state.scope, [(state.cube_id, state.version)])
    return Backpatch(tuple(written), tuple(left_out))


def copies_in(reader: Reader, cube_ids: Collection[str]) -> frozenset[str]:
    """Those of some memories that an adapter told of another one of them: both say the same."""
    raws = frozenset(map(id_bytes, cube_ids))
    return frozenset(id_text(raw) for raw in raws if _is_copy(reader, raw, raws))


def _is_copy(reader: Reader, cube_id: bytes, others: Collection[bytes]) -> bool:
    edges = reader.vault.edges(cube_id, downstream=False, version=1)
    sources = {edge.source[0] for edge in edges if edge.relation is Relation.DERIVED_FROM}
    if sources.isdisjoint(others):
        return False
    heads = reader.vault.heads_many(sorted(sources - {*others}))
    return any(state.form is Form.PARAMETRIC for state in heads.values())


def _asked(reader: Reader, state: CubeState) -> _Asked:
    versions = list(promoted_versions(reader, state.cube_id))
    attempt, manifest = versions[-1] if versions else (None, None)
    if attempt is None or manifest is None:
        raise IllegalMove(f"adapter {id_text(state.cube_id)} holds nothing that could be asked for")
    return _Asked(state, attempt.outcome.version, manifest)


def _listed(asked: _Asked) -> list[bytes]:
    return [id_bytes(each.cube_id) for each in asked.manifest.memories]


def _in_force(
    session: Session, passage: Passage, asked: _Asked
) -> tuple[dict[str, Hit], list[LeftOut]]:
    """The memories that an adapter holds and that are as it learnt them, by id; and why the others are not.
    The adapter itself may be retired.
    """
    sources = asked.manifest.sources
    with open_scope(session, passage, SearchRequest(scope=asked.state.scope)) as scope_view:
        if scope_view is None:
            return {}, [LeftOut(each.cube_id, "is not there") for each in sources]
        known = Adapters(scope_view.reader, scope_view.query.permitted.check, passage.time)
        shown = memories_in_force(scope_view, [each.cube_id for each in sources])
        against = {
            each.cube_id: _against(scope_view.reader, known, each, shown.get(each.cube_id))
            for each in sources
        }
    left_out = [LeftOut(cube_id, why) for cube_id, why in against.items() if why]
    return {name: hit for name, hit in shown.items() if not against[name]}, left_out


def _against(reader: Reader, known: Adapters, listed: ListedMemory, shown: Hit | None) -> str:
    """What stands against a memory as an adapter learnt it; empty where nothing does. What it restricts may have
    changed: what is written is as restricted.
    """
    if shown is None:
        outdated = known.of_memory(listed)
        reason = "is no longer true" if outdated is None else outdated.reason
        return reason.removeprefix(f"cube {listed.cube_id} ")
    learnt = reader.vault.version(id_bytes(listed.cube_id), listed.version)
    parts = None if learnt is None else parts_left_by(reader, learnt)
    if parts is None or parts.text != shown.text:
        return f"says something else than at version {listed.version}, which was distilled"
    return ""


def _job(session: Session, asked: _Asked, held: Mapping[str, Hit]) -> DistillationJob:
    """What the adapter is asked about: questions are made of it, and it is not shown."""
    return DistillationJob(
        owner=kv_owner(session.engine.setting("vault_id"), tenant_of(asked.state.scope)),
        memories=tuple(
            LessonMemory(
                cube_id=each.cube_id,
                version=each.version,
                digest=bytes.fromhex(each.digest),
                role=Role.SOURCE,
                text=text_of(held[each.cube_id]),
                line="",
            )
            for each in asked.manifest.sources
            if each.cube_id in held
        ),
        opening=opening_of("", has_memories=True),
        closing=CLOSE,
        bare_opening=opening_of("", has_memories=False),
        settings=asked.manifest.settings,
    )


def _written(
    session: Session, passage: Passage, asked: _Asked, source: Hit, probe: Probe
) -> Backpatched:
    """The memory of an answer. It is derived from the adapter and from what that learnt, so that what undoes or
    erases either reaches it, and ends when that ends.
    """
    memory = NewMemory(
        scope=asked.state.scope,
        text=f"{probe.question} {probe.answer}".strip(),
        semantic_type=SEMANTIC_TYPE,
        valid_from=source.valid_from,
        valid_until=source.valid_until,
        metadata={
            "adapter": asked.name,
            "confidence": probe.confidence,
            "question": probe.question,
            "answer": probe.answer,
        },
        idempotency_key=f"backpatch {asked.name} {probe.cube_id}",
    )

    def attempt() -> Receipt:
        sources = _sources(session, passage, asked, source)
        command = memory.keyed(sources=sources.cube_ids)
        identity = None if command is None else identify_one(session, command)
        draft = create_cube(session, memory, sources, identity=identity)
        (committed,) = session.engine.writer.commit([draft])
        return receipt_of(session.engine, committed)

    receipt = with_key(memory.idempotency_key, attempt)
    return Backpatched(receipt, probe.cube_id, memory.text or "", probe.confidence)


def _sources(session: Session, passage: Passage, asked: _Asked, source: Hit) -> Sources:
    """What an answer is derived from. It is as restricted as all that the adapter was made with is by now: what
    an adapter says can be of any of it.

    Raises:
        Conflict: the memory is not as it was read.
    """
    scope, others = asked.state.scope, [id_text(raw) for raw in _listed(asked)]
    derived = [asked.cube_id, source.cube_id]
    restricting = source_versions(session, passage, others, Relation.DERIVED_FROM, scope)
    direct = source_versions(session, passage, derived, Relation.DERIVED_FROM, scope)
    now = direct.versions[-1].version
    if now != source.version:
        raise Conflict(f"cube {source.cube_id} is at version {now} now", now)
    return direct._replace(restricted=direct.restricted + restricting.restricted)
