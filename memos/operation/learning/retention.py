"""What earlier adapters still know: asked about their memories, and held against what these say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from memos.infrastructure.chat_models.adapting import (
    AdaptingModel,
    DistillationJob,
    LessonMemory,
    Role,
)
from memos.infrastructure.chat_models.caching_models import kv_owner
from memos.infrastructure.engine.reader import Reader
from memos.kernel.errors import DistillationRefused
from memos.kernel.event import id_bytes
from memos.kernel.scope import tenant_of
from memos.operation.adapter_manifest import sealed_adapter
from memos.operation.chat.prompt import opening_of
from memos.operation.cube import parts_left_by
from memos.operation.learning.standing import LearntAdapter
from memos.operation.reads.context_block import CLOSE
from memos.operation.session import Session

_PUNCTUATION = " .,;:!?\"'"


def share_retained(
    session: Session, model: AdaptingModel, adapters: Sequence[LearntAdapter]
) -> float | None:
    """The share of memories that adapters answer as these say, asked without them; None where nothing could be
    asked. An adapter that the model does not have answers nothing.

    Raises:
        ModelUnavailable: the model cannot be asked.
    """
    right = [each for adapter in adapters for each in _answered(session, model, adapter)]
    return sum(right) / len(right) if right else None


def _answered(session: Session, model: AdaptingModel, adapter: LearntAdapter) -> Iterable[bool]:
    """Of each of an adapter's memories, whether the answer stands in it."""
    manifest = adapter.manifest
    with session.engine.read() as reader:
        named = sealed_adapter(reader, id_bytes(adapter.cube_id), manifest)
        memories = tuple(_lesson(reader, each.cube_id, each.version) for each in manifest.sources)
    if not named.seal or not model.has_adapter(named):
        return [False] * len(memories)
    job = DistillationJob(
        owner=kv_owner(session.engine.setting("vault_id"), tenant_of(adapter.scope)),
        memories=memories,
        opening=opening_of("", has_memories=True),
        closing=CLOSE,
        bare_opening=opening_of("", has_memories=False),
        settings=manifest.settings,
    )
    try:
        probes = model.probe(named, job)
    except DistillationRefused:
        return []
    texts = {each.cube_id: each.text.casefold() for each in memories}
    return [bool(told := _plain(each.answer)) and told in texts[each.cube_id] for each in probes]


def _lesson(reader: Reader, cube_id: str, version: int) -> LessonMemory:
    attempt = reader.vault.version(id_bytes(cube_id), version)
    parts = None if attempt is None else parts_left_by(reader, attempt)
    return LessonMemory(
        cube_id=cube_id,
        version=version,
        digest=b"",
        role=Role.SOURCE,
        text="" if parts is None else parts.text,
        line="",
    )


def _plain(answer: str) -> str:
    return answer.casefold().strip(_PUNCTUATION)
