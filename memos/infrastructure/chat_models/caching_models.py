"""The models of this process that keep what they computed of memories: an erase has all of them let it go."""

from __future__ import annotations

from collections.abc import Collection
from threading import Lock
from weakref import WeakSet

from memos.infrastructure.chat_models.port import CachingModel

_models: WeakSet[CachingModel] = WeakSet()
_lock = Lock()


def note_caching_model(model: CachingModel) -> None:
    """Let a model be asked to evict, for as long as it lives."""
    with _lock:
        _models.add(model)


def evict_everywhere(owner: str, cube_ids: Collection[str]) -> int:
    """Have every model of this process let go of what it computed of an owner's memories; how many segments
    those were.
    """
    with _lock:
        models = list(_models)
    return sum(model.evict(owner, cube_ids) for model in models)
