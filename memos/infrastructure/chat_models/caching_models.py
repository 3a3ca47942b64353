"""The models of this process that keep what they computed of memories: an erase has all of them let it go."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Iterator
from threading import Lock
from typing import TypeVar
from weakref import WeakSet

from memos.infrastructure.chat_models.adapting import AdapterServingModel
from memos.infrastructure.chat_models.port import CachingModel
from memos.kernel.errors import ModelUnavailable

T = TypeVar("T")

_models: WeakSet[CachingModel] = WeakSet()
_lock = Lock()


def kv_owner(vault_id: str, tenant: str) -> str:
    """Under what models keep what they computed of a tenant's memories."""
    return f"{vault_id}/{tenant}"


def note_caching_model(model: CachingModel) -> None:
    """Let a model be asked to evict, for as long as it lives."""
    with _lock:
        _models.add(model)


def evict_everywhere(
    owner: str, cube_ids: Collection[str] = (), keys: Collection[bytes] = ()
) -> int:
    """Have every model of this process let go of what it computed of an owner's memories; how many segments
    those were. Of one that cannot be asked a warning tells: it keeps what nothing answers from.
    """
    return sum(_asked(lambda model: model.evict(owner, cube_ids, keys)))


def forget_everywhere(digests: Collection[bytes]) -> int:
    """Have every model of this process let go of adapters; how many there were. As `evict_everywhere`."""
    return sum(_asked(lambda model: _forgotten(model, digests)))


def _forgotten(model: CachingModel, digests: Collection[bytes]) -> int:
    return model.forget_adapters(digests) if isinstance(model, AdapterServingModel) else 0


def _asked(ask: Callable[[CachingModel], T]) -> Iterator[T]:
    """What each model answers that can be asked."""
    with _lock:
        models = list(_models)
    for model in models:
        try:
            yield ask(model)
        except ModelUnavailable as error:
            warnings.warn(
                f"{model.name} keeps what it computed of memories that were taken away until it is evicted there: "
                f"no answer is made from it, but it could not be told ({error})",
                RuntimeWarning,
                stacklevel=3,
            )
