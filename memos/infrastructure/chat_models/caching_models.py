"""The models of this process that keep what they computed of memories: an erase has all of them let it go."""

from __future__ import annotations

import warnings
from collections.abc import Collection
from threading import Lock
from weakref import WeakSet

from memos.infrastructure.chat_models.port import CachingModel
from memos.kernel.errors import ModelUnavailable

_models: WeakSet[CachingModel] = WeakSet()
_lock = Lock()


def kv_owner(vault_id: str, tenant: str) -> str:
    """Under what models keep what they computed of a tenant's memories."""
    return f"{vault_id}/{tenant}"


def note_caching_model(model: CachingModel) -> None:
    """Let a model be asked to evict, for as long as it lives."""
    with _lock:
        _models.add(model)


def evict_everywhere(owner: str, cube_ids: Collection[str]) -> int:
    """Have every model of this process let go of what it computed of an owner's memories; how many segments
    those were. Of one that cannot be asked a warning tells: it keeps what nothing answers from.
    """
    with _lock:
        models = list(_models)
    evicted = 0
    for model in models:
        try:
            evicted += model.evict(owner, cube_ids)
        except ModelUnavailable as error:
            warnings.warn(
                f"{model.name} keeps KV cache of memories that were taken away until it is evicted there: no "
                f"answer is made from it, but it could not be told ({error})",
                RuntimeWarning,
                stacklevel=2,
            )
    return evicted
