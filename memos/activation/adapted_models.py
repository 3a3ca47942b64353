"""A model with adapters on it, as prompts name them: those that were asked last stay loaded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Collection, Sequence
from threading import Lock
from typing import NamedTuple

from memos.activation.adapter_store import AdapterStore, place_of
from memos.activation.adapters import Adapter, concatenated
from memos.activation.errors import ModelRefused
from memos.activation.transformers_model import CausalModel
from memos.infrastructure.chat_models.port import PromptAdapter
from memos.kernel.errors import ModelUnavailable

MOST_LOADED = 16
"""Sets of adapters that stay on the model, each on a copy of its modules. Where more are asked by turns, each
turn loads one anew.
"""


class _Loaded(NamedTuple):
    model: CausalModel
    shape: tuple[object, ...]


class AdaptedModels:
    """Safe for threads: one that loads holds up no other that is loaded.

    Args:
        base: without adapters; all of them share its weights.
        store: of its adapters.
        most: how many sets stay loaded.
    """

    def __init__(self, base: CausalModel, store: AdapterStore, most: int = MOST_LOADED) -> None:
        self._base = base
        self._store = store
        self._most = most
        self._loaded: OrderedDict[tuple[str, ...], _Loaded] = OrderedDict()
        self._lock = Lock()
        self._loading = Lock()

    def with_adapters(self, named: Collection[PromptAdapter]) -> CausalModel:
        """The model with these adapters; in whatever order they are named it is the same one.

        Raises:
            ModelUnavailable: the store does not have one of them.
        """
        if not named:
            return self._base
        wanted = {place_of(each): each for each in named}
        places = tuple(sorted(wanted))
        found = self._find(places)
        if found is None:
            with self._loading:
                found = self._find(places) or self._load(places, [wanted[each] for each in places])
        return found

    def forget(self, digests: Collection[bytes]) -> None:
        """Let go of models with an adapter of these, which the store has no more. Answers that are being given
        come to their end.
        """
        names = {digest.hex() for digest in digests}
        with self._loading, self._lock:
            for places in list(self._loaded):
                if any(place.partition("-")[0] in names for place in places):
                    del self._loaded[places]

    def _find(self, places: tuple[str, ...]) -> CausalModel | None:
        with self._lock:
            if places not in self._loaded:
                return None
            self._loaded.move_to_end(places)
            return self._loaded[places].model

    def _load(self, places: tuple[str, ...], named: Sequence[PromptAdapter]) -> CausalModel:
        adapter = concatenated([self._store.get(each) for each in named])
        try:
            model = self._fitted(adapter)
        except ModelRefused as error:
            raise ModelUnavailable(str(error)) from error
        with self._lock:
            self._loaded[places] = _Loaded(model, adapter.shape)
            if len(self._loaded) > self._most:
                self._loaded.popitem(last=False)
        return model

    def _fitted(self, adapter: Adapter) -> CausalModel:
        with self._lock:
            like = [each.model for each in self._loaded.values() if each.shape == adapter.shape]
        return like[0].refitted(adapter) if like else self._base.with_adapters([adapter])
