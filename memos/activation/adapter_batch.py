"""Prompts that are answered side by side, each with adapters of its own."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from threading import Lock

from memos.activation.adapter_store import AdapterStore, place_of
from memos.activation.adapters import concatenated
from memos.activation.pool.port import SegmentPool
from memos.activation.reader import KvReader, Prompt
from memos.activation.transformers_model import CausalModel
from memos.infrastructure.chat_models.port import ChatPrompt, PromptAdapter
from memos.kernel.errors import InvalidInput


class AdapterBatch:
    """Sets of adapters, loaded on one copy of the model's modules. Safe for threads: batches come in turn.

    Args:
        model: without adapters; it reads the memories.
        store: of the adapters.
        pool: of the model's segments.
        tokens: a prompt as the model reads it, with one query.
        sets: adapters that answer together, of each kind of prompt.

    Raises:
        ModelUnavailable: the store does not have one of the adapters.
        ModelRefused: one does not fit the model.
    """

    def __init__(
        self,
        model: CausalModel,
        store: AdapterStore,
        pool: SegmentPool,
        tokens: Callable[[ChatPrompt], Prompt],
        sets: Collection[Collection[PromptAdapter]],
    ) -> None:
        named = {_places(each): each for each in sets if each}
        self._numbers = {places: number for number, places in enumerate(named)}
        loaded = [concatenated([store.get(each) for each in some]) for some in named.values()]
        self._adapted = model.with_adapters(loaded)
        self._store = store
        self._reader = KvReader(model, pool, adapted=self._adapted)
        self._tokens = tokens
        self._lock = Lock()

    def answer(self, prompts: Sequence[ChatPrompt]) -> list[tuple[int, ...]]:
        """Answer prompts greedily, each with the adapters that it names: the token ids of each. Those with the
        same memories in front of their messages are answered in one batch.

        Raises:
            InvalidInput: a prompt names a set of adapters that is not loaded, or is longer than the model takes.
            ModelUnavailable: the store does not have one of the adapters any more.
        """
        numbers = [self._number(prompt) for prompt in prompts]
        read = [self._tokens(prompt) for prompt in prompts]
        together: dict[object, list[int]] = defaultdict(list)
        for place, each in enumerate(read):
            together[each.tenant, tuple(map(tuple, each.segments))].append(place)
        told: dict[int, tuple[int, ...]] = {}
        for places in together.values():
            rows = replace(read[places[0]], queries=[read[place].queries[0] for place in places])
            most = [prompts[place].max_tokens for place in places]
            with self._lock, self._adapted.by_row([numbers[place] for place in places]):
                answers = self._reader.answer(rows, max(most))
            for place, ids, wanted in zip(places, answers.token_ids, most, strict=True):
                told[place] = ids[:wanted]
        return [told[place] for place in range(len(prompts))]

    def _number(self, prompt: ChatPrompt) -> int | None:
        for each in prompt.adapters:
            self._store.get(each)
        if not prompt.adapters:
            return None
        places = _places(prompt.adapters)
        if places not in self._numbers:
            raise InvalidInput(
                "a prompt names adapters that are not loaded together in this batch: name them when it is made"
            )
        return self._numbers[places]


def _places(named: Collection[PromptAdapter]) -> tuple[str, ...]:
    return tuple(sorted({place_of(each) for each in named}))
