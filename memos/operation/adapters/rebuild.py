"""An adapter made again from its base and the log: as its memories are now, without what is gone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from memos.infrastructure.chat_models.adapting import (
    AdaptingModel,
    DistillationSettings,
    Role,
)
from memos.infrastructure.engine.erased_sources import is_erased
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.progress import Progress, no_progress
from memos.kernel.cube import CubeState
from memos.kernel.event import id_text
from memos.kernel.lifecycle import CONTENT_STATES
from memos.kernel.lineage import Relation
from memos.operation.adapter_manifest import AdapterManifest, Parent, promoted_versions
from memos.operation.adapters.adapter import adapter_state
from memos.operation.adapters.distil import distil
from memos.operation.adapters.distillation import Distillation, DistilRequest
from memos.operation.adapters.retire import retire
from memos.operation.session import Session


class _Former(NamedTuple):
    """What an adapter was made of, as far as the log still tells.

    Attributes:
        state: its cube.
        manifest: of its last version; None where it is erased.
        sources, others: the memories that it held, and those that it was made with.
    """

    state: CubeState
    manifest: AdapterManifest | None
    sources: tuple[str, ...]
    others: tuple[str, ...]


def rebuild(
    session: Session,
    cube_id: str,
    model: AdaptingModel,
    settings: DistillationSettings | Mapping[str, Any] | None,
    progress: Progress = no_progress,
) -> Distillation:
    """See `Memory.rebuild_adapter`."""
    with session.gate.enter("rebuild_adapter") as passage:
        state = adapter_state(session, passage, cube_id, Action.WRITE)
        with session.engine.read() as reader:
            former = _former(reader, state)
        passage.note(state.scope, [(state.cube_id, state.version)])
    made = distil(session, _request(former, model, settings, progress))
    if _takes_its_place(former, model, made):
        retire(session, cube_id, None)
    return made


def _former(reader: Reader, state: CubeState) -> _Former:
    manifest = None
    if not is_erased(state):
        for _, promoted in promoted_versions(reader, state.cube_id):
            manifest = promoted or manifest
    if manifest is not None:
        others = (each.cube_id for each in manifest.memories if each.role != Role.SOURCE)
        held = tuple(each.cube_id for each in manifest.sources)
        return _Former(state, manifest, held, tuple(others))
    # What is sealed is gone with its key; the lineage is in clear.
    edges = reader.vault.edges(state.cube_id, downstream=False)
    newest = max((edge.derived[1] for edge in edges), default=0)
    named = [edge for edge in edges if edge.derived[1] == newest]
    return _Former(
        state,
        None,
        tuple(
            id_text(edge.source[0]) for edge in named if edge.relation is Relation.DISTILLED_INTO
        ),
        tuple(id_text(edge.source[0]) for edge in named if edge.relation is Relation.DERIVED_FROM),
    )


def _request(
    former: _Former,
    model: AdaptingModel,
    settings: DistillationSettings | Mapping[str, Any] | None,
    progress: Progress,
) -> DistilRequest:
    manifest = former.manifest
    if not isinstance(settings, DistillationSettings):
        before = DistillationSettings() if manifest is None else manifest.settings
        settings = replace(before, **(settings or {}))
    return DistilRequest(
        scope=former.state.scope,
        cube_ids=former.sources,
        distractors=former.others,
        model=model,
        settings=settings,
        parent=Parent(id_text(former.state.cube_id), former.state.version),
        policy="" if manifest is None else manifest.policy,
        leaves_out=True,
        progress=progress,
    )


def _takes_its_place(former: _Former, model: AdaptingModel, made: Distillation) -> bool:
    """Whether an adapter of another cube is there instead. One of another base stands beside it."""
    return (
        made.promoted
        and made.cube_id != id_text(former.state.cube_id)
        and former.state.lifecycle in CONTENT_STATES
        and not is_erased(former.state)
        and former.manifest is not None
        and former.manifest.model_digest == model.model_digest.hex()
    )
