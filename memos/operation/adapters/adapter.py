"""Adapters as a caller reads them: what they hold, whether they may answer, and how they came to be."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from memos.infrastructure.chat_models.adapting import DistillationSettings, Evaluation
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.kernel.cube import SHOWN, CubeState, Form
from memos.kernel.errors import InvalidInput
from memos.kernel.event import id_bytes, id_text
from memos.kernel.scope import check_scope
from memos.operation.adapter_manifest import (
    ListedMemory,
    Parent,
    promoted_versions,
)
from memos.operation.adapters.verdict import AdapterRejection, rejections
from memos.operation.commands.sources import permitted_state
from memos.operation.cube import as_datetime, state_title
from memos.operation.gate import Passage
from memos.operation.reads.adapters import NOT_YOURS, Adapters, KnownAdapter
from memos.operation.reads.head import is_readable, made_from, require_all_readable
from memos.operation.session import Session


@dataclass(frozen=True, slots=True, kw_only=True)
class Adapter:
    """Memories as an adapter of a model.

    Attributes:
        cube_id, version: the cube that says so.
        scope, status: where it is, and the state that it is in.
        is_live: whether it may answer for who asks.
        outdated: why it may not, in words; empty where it is live.
        model: the model's name; empty where none was trained to the end.
        model_digest, tokenizer_digest: of the base, in hex.
        memories: all that it was made with, at which versions and for what; those that the actor may read.
        settings, generator: how it was trained.
        evaluation: what it was measured to do.
        sha256, size: of the file of its tensors, in hex and in bytes.
        parent: the adapter that it takes the place of.
        policy: which decided on it; empty where a caller asked for it.
        steps, seconds, loss: what training took, and the loss at its end, in nats.
    """

    cube_id: str
    version: int
    scope: str
    status: str
    is_live: bool
    outdated: tuple[str, ...]
    model: str = ""
    model_digest: str = ""
    tokenizer_digest: str = ""
    memories: tuple[ListedMemory, ...] = ()
    settings: DistillationSettings | None = None
    generator: str = ""
    evaluation: Evaluation | None = None
    sha256: str = ""
    size: int = 0
    parent: Parent | None = None
    policy: str = ""
    steps: int = 0
    seconds: float = 0.0
    loss: float = 0.0

    @classmethod
    def of(cls, passage: Passage, reader: Reader, known: KnownAdapter) -> Self:
        """The adapter in a cube, for who may read it."""
        told = cls(
            cube_id=id_text(known.state.cube_id),
            version=known.state.version,
            scope=known.state.scope,
            status=state_title(known.state.lifecycle),
            is_live=known.is_live,
            outdated=tuple(each.reason for each in known.outdated),
        )
        manifest = known.manifest
        if manifest is None:
            return told
        return replace(
            told,
            model=manifest.model,
            model_digest=manifest.model_digest,
            tokenizer_digest=manifest.tokenizer_digest,
            memories=tuple(
                each
                for each in manifest.memories
                if is_readable(passage, reader, id_bytes(each.cube_id))
            ),
            settings=manifest.settings,
            generator=manifest.generator,
            evaluation=manifest.evaluation,
            sha256=manifest.sha256,
            size=manifest.size,
            parent=manifest.parent,
            policy=manifest.policy,
            steps=manifest.steps,
            seconds=manifest.seconds,
            loss=manifest.loss,
        )


@dataclass(frozen=True, slots=True)
class AdapterVersion:
    """A version of an adapter that was promoted.

    Attributes:
        version: its number.
        at: when.
        actor: who had it trained.
        stands: whether the adapter answers with it.
        model: the model's name.
        evaluation: what it was measured to do; None where it cannot be opened any more.
    """

    version: int
    at: datetime
    actor: str
    stands: bool
    model: str
    evaluation: Evaluation | None


@dataclass(frozen=True, slots=True)
class AdapterDetails:
    """An adapter with its history: versions and rejections, the oldest first."""

    adapter: Adapter
    versions: tuple[AdapterVersion, ...]
    rejections: tuple[AdapterRejection, ...]


def adapters(session: Session, scope: str, *, retired: bool) -> tuple[Adapter, ...]:
    """See `Memory.adapters`."""
    within = check_scope(scope)
    with session.gate.enter("adapters") as passage:
        passage.require(Action.READ, within)
        with session.engine.stream() as reader:
            found = [
                Adapter.of(passage, reader, known)
                for known in adapters_for(passage, reader).within(within, refused=True)
                if (retired or known.state.lifecycle in SHOWN)
                and not _is_withheld(passage, reader, known)
            ]
        passage.note(within, [(id_bytes(one.cube_id), one.version) for one in found])
    return tuple(found)


def adapter(session: Session, cube_id: str) -> AdapterDetails:
    """See `Memory.adapter`."""
    with session.gate.enter("adapter") as passage:
        state = adapter_state(session, passage, cube_id, Action.READ)
        with session.engine.read() as reader:
            known = adapters_for(passage, reader).of(state.cube_id)
            if known is None:
                raise InvalidInput(
                    f"adapter {cube_id} is erased: rebuild makes another one of what is left"
                )
            if _is_withheld(passage, reader, known):
                require_all_readable(passage, reader, state, made_from(reader, state))
            details = AdapterDetails(
                Adapter.of(passage, reader, known),
                tuple(
                    AdapterVersion(
                        attempt.outcome.version,
                        as_datetime(attempt.log_time),
                        attempt.actor,
                        known.manifest is not None and manifest == known.manifest,
                        "" if manifest is None else manifest.model,
                        None if manifest is None else manifest.evaluation,
                    )
                    for attempt, manifest in promoted_versions(reader, state.cube_id)
                ),
                tuple(rejections(reader, state.cube_id)),
            )
        passage.note(state.scope, [(state.cube_id, state.version)])
    return details


def adapters_for(passage: Passage, reader: Reader) -> Adapters:
    """Adapters as the actor of a call sees them."""
    return Adapters(reader, lambda state: passage.allows(Action.READ, state), passage.time)


def _is_withheld(passage: Passage, reader: Reader, known: KnownAdapter) -> bool:
    """Whether an adapter is one of memories that the actor may not read: it is not told of."""
    if known.manifest is not None:
        return any(each.reason == NOT_YOURS for each in known.outdated)
    named = reader.vault.heads_many(made_from(reader, known.state)).values()
    return not all(passage.allows(Action.READ, state) for state in named)


def adapter_state(session: Session, passage: Passage, cube_id: str, action: Action) -> CubeState:
    """The head of an adapter with which the actor may do something; it may be erased.

    Raises:
        InvalidInput: it is a memory in another form.
        NotFound, Denied: there is none, or it is not the actor's.
    """
    state = permitted_state(session, passage, cube_id, action)
    if state.form is not Form.PARAMETRIC:
        raise InvalidInput(
            f"cube {cube_id} is no adapter, but a memory as {state.form.name.lower()}: give the id that distil "
            "returned, or one of adapters()"
        )
    return state
