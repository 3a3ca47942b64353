"""Activations: read, listed, evicted, and turned back into the plaintext that they were computed from."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

from memos.infrastructure.chat_models.caching_models import (
    evict_everywhere,
    kv_owner,
)
from memos.infrastructure.chat_models.port import CachedPrefix
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.vault.port import LogQuery
from memos.kernel.cube import CubeState, Form
from memos.kernel.errors import Damaged, InvalidInput
from memos.kernel.event import Kind, id_bytes, id_text
from memos.kernel.lifecycle import CONTENT_STATES
from memos.kernel.scope import check_scope, tenant_of
from memos.operation.commands.lifecycle import Move, move
from memos.operation.commands.sources import permitted_state
from memos.operation.cube import Forgotten, MemCube, open_parts, state_title
from memos.operation.forms.manifest import ActivationManifest
from memos.operation.gate import Passage
from memos.operation.reads.context_block import Citation
from memos.operation.reads.get import StateRequest, get
from memos.operation.reads.head import is_readable
from memos.operation.receipt import Receipt
from memos.operation.session import Session
from memos.operation.validation import check_version

EVICT = Move(Kind.EVICTED, Action.WRITE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Activation:
    """Memories as KV cache of a model.

    Attributes:
        cube_id, version: the cube that says so.
        scope, status: where it is, and the state that it is in.
        model: the model's name.
        model_digest: of all that the cache depends on beside the memories, in hex.
        tokens, size: what the cache holds, and takes in memory, in bytes.
        tier: where the model kept it.
        memories: which, at which versions, in the order of the cache.
        instructions: what stands in front of them beside the store's own.
        state: for `chat` and `context_session`: a conversation that begins with it has these memories pinned.
        policy: of the scheduler, which decided on it; empty where a caller asked for it.
        is_new: whether this call made the cube; there may have been one.
        computed_tokens, milliseconds: what had to be computed in this call, and how long that took.
    """

    cube_id: str
    version: int
    scope: str
    status: str
    model: str
    model_digest: str
    tokens: int
    size: int
    tier: str
    memories: tuple[Citation, ...]
    instructions: str
    state: str
    policy: str = ""
    is_new: bool = False
    computed_tokens: int = 0
    milliseconds: float = 0.0

    @classmethod
    def of(
        cls,
        state: CubeState,
        manifest: ActivationManifest,
        prefix: CachedPrefix | None = None,
        *,
        is_new: bool = False,
    ) -> Self:
        """The activation in a cube.

        Args:
            state: the cube.
            manifest: what is in it.
            prefix: what has just been computed.
            is_new: whether the cube was made for that.
        """
        return cls(
            cube_id=id_text(state.cube_id),
            version=state.version,
            scope=state.scope,
            status=state_title(state.lifecycle),
            model=manifest.model,
            model_digest=manifest.model_digest,
            tokens=manifest.tokens,
            size=manifest.size,
            tier=manifest.tier if prefix is None else prefix.tier,
            memories=manifest.citations,
            instructions=manifest.instructions,
            state=manifest.state,
            policy=manifest.policy,
            is_new=is_new,
            computed_tokens=0 if prefix is None else prefix.computed_tokens,
            milliseconds=0.0 if prefix is None else prefix.milliseconds,
        )


@dataclass(frozen=True, slots=True)
class Materialised:
    """An activation as the plaintext that it was computed from.

    Attributes:
        cube_id: the activation.
        memories: in the order of the cache, each as it was at the version that was computed; what the actor
            may not read, or was erased, is left out.
    """

    cube_id: str
    memories: tuple[MemCube, ...]

    @property
    def text(self) -> str:
        """What the memories say, each behind the last, with the version that it is cited at."""
        lines = (
            f"{memory.text or ''} [{memory.cube_id}@{memory.version}]" for memory in self.memories
        )
        return "\n".join(lines)


def manifest_of(reader: Reader, state: CubeState) -> ActivationManifest | None:
    """The manifest in an activation's cube; None where it holds none, such as one that somebody wrote over,
    or there is no key to open it.
    """
    try:
        parts = open_parts(reader, state) if state.version > 1 else None
        content = None if parts is None else parts.content.content.inline
        return (
            None if content is None else ActivationManifest.parse(content, id_text(state.cube_id))
        )
    except Damaged:
        return None


def activations(session: Session, scope: str) -> tuple[Activation, ...]:
    """See `Memory.activations`."""
    within = check_scope(scope)
    with session.gate.enter("activations") as passage:
        passage.require(Action.READ, within)
        with session.engine.stream() as reader:
            found = [
                Activation.of(state, manifest)
                for state, manifest in live_activations(reader, within)
                if all(
                    is_readable(passage, reader, raw)
                    for raw in (state.cube_id, *map(id_bytes, manifest.cube_ids))
                )
            ]
        passage.note(within, [(id_bytes(one.cube_id), one.version) for one in found])
    return tuple(found)


def live_activations(reader: Reader, scope: str) -> Iterator[tuple[CubeState, ActivationManifest]]:
    """All activations in a scope and under it that were not evicted, the oldest first, whoever may read them."""
    made = reader.vault.query(LogQuery(kind=Kind.CACHED, scope=scope))
    for cube_id in dict.fromkeys(attempt.cube_id for attempt in made):
        state = reader.vault.head(cube_id)
        if state is None or state.lifecycle not in CONTENT_STATES:
            continue
        manifest = manifest_of(reader, state)
        if manifest is not None:
            yield state, manifest


def evict(session: Session, cube_id: str, expected_version: int | None) -> Receipt:
    """See `Memory.evict`."""
    if expected_version is not None:
        check_version(expected_version, "expected_version")
    with session.gate.enter("evict") as passage:
        state = _activation_state(session, passage, cube_id, Action.WRITE)
        with session.engine.read() as reader:
            manifest = manifest_of(reader, state)
        receipt = move(session, passage, cube_id, EVICT, expected_version)
    if manifest is not None:
        _let_go(session, state, manifest)
    return receipt


def _let_go(session: Session, state: CubeState, manifest: ActivationManifest) -> None:
    """Have models let go of an activation, but for the segments of it that others have, too."""
    tenant = tenant_of(state.scope)
    with session.engine.stream() as reader:
        others = [other.memories for _, other in live_activations(reader, tenant)]
    kept = {each.key for memories in others for each in memories}
    own = [bytes.fromhex(each.key) for each in manifest.memories if each.key not in kept]
    evict_everywhere(kv_owner(session.engine.setting("vault_id"), tenant), keys=own)


def materialise(session: Session, cube_id: str) -> Materialised:
    """See `Memory.materialise`."""
    with session.gate.enter("materialise") as passage:
        state = _activation_state(session, passage, cube_id, Action.READ)
        with session.engine.read() as reader:
            manifest = manifest_of(reader, state)
            cites = () if manifest is None else manifest.citations
            shown = [cite for cite in cites if is_readable(passage, reader, id_bytes(cite.cube_id))]
        passage.note(state.scope, [(state.cube_id, state.version)])
    read = [
        get(session, cite.cube_id, StateRequest(version=cite.version), any_state=True)
        for cite in shown
    ]
    return Materialised(
        cube_id, tuple(memory for memory in read if not isinstance(memory, Forgotten))
    )


def _activation_state(
    session: Session, passage: Passage, cube_id: str, action: Action
) -> CubeState:
    """The head of an activation.

    Raises:
        InvalidInput: it is a memory in another form.
        NotFound, Denied: there is none, or it is not the actor's.
    """
    state = permitted_state(session, passage, cube_id, action)
    if state.form is not Form.ACTIVATION:
        raise InvalidInput(
            f"cube {cube_id} is no activation, but a memory as {state.form.name.lower()}: give the id that "
            "activate returned, or one of activations()"
        )
    return state
