"""Prompts that are answered in one batch, each with adapters of its own."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import chain
from threading import Lock

from memos.activation.adapter_store import AdapterStore, place_of
from memos.activation.adapters import concatenated
from memos.activation.chain import LEAST_SECRET_BYTES
from memos.activation.chat_template import CHATML_TURNS
from memos.activation.pool.port import SegmentPool
from memos.activation.reader import Answers, KvReader, Prompt
from memos.activation.tokenizer import TextTokenizer
from memos.activation.transformers_model import CausalModel
from memos.infrastructure.chat_models.port import ChatPrompt, PromptAdapter
from memos.kernel.errors import InvalidInput


class AdapterBatch:
    """Sets of adapters, loaded on one copy of the model's modules. Safe for threads: batches come in turn.

    Whole prompts are read in the batch, for what was computed with one row's adapters is of no other.

    Args:
        model: without adapters.
        tokenizer: the model's.
        store: of the adapters.
        pool: of the model's segments.
        sets: adapters that answer together, of each kind of prompt.

    Raises:
        ModelUnavailable: the store does not have one of the adapters.
        ModelRefused: one does not fit the model.
    """

    def __init__(
        self,
        model: CausalModel,
        tokenizer: TextTokenizer,
        store: AdapterStore,
        pool: SegmentPool,
        sets: Collection[Collection[PromptAdapter]],
    ) -> None:
        named = {_places(each): each for each in sets if each}
        self._numbers = {places: number for number, places in enumerate(named)}
        loaded = [concatenated([store.get(each) for each in some]) for some in named.values()]
        self._model = model.with_adapters(loaded)
        self._tokenizer = tokenizer
        self._store = store
        self._reader = KvReader(self._model, pool)
        self._lock = Lock()

    def texts(self, prompts: Sequence[ChatPrompt]) -> list[str]:
        """The answer to each prompt, see `answer`."""
        return [self._tokenizer.text(ids) for ids in self.answer(prompts).token_ids]

    def answer(self, prompts: Sequence[ChatPrompt]) -> Answers:
        """Answer prompts greedily, side by side, each with the adapters that it names.

        Raises:
            InvalidInput: there is no prompt, one names a set of adapters that is not loaded, or is longer than
                the model takes.
            ModelUnavailable: the store does not have one of the adapters any more.
        """
        if not prompts:
            raise InvalidInput("a batch without a prompt has no answer: give at least one")
        numbers = [self._number(prompt) for prompt in prompts]
        queries = [self._ids(prompt) for prompt in prompts]
        read = Prompt(prompts[0].owner, secrets.token_bytes(LEAST_SECRET_BYTES), (), queries)
        with self._lock, self._model.by_row(numbers):
            answers = self._reader.answer(read, max(prompt.max_tokens for prompt in prompts))
        told = zip(answers.token_ids, prompts, strict=True)
        return replace(answers, token_ids=tuple(ids[: prompt.max_tokens] for ids, prompt in told))

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

    def _ids(self, prompt: ChatPrompt) -> list[int]:
        segments = CHATML_TURNS.segments(self._tokenizer, prompt)
        return [*chain.from_iterable(segments), *CHATML_TURNS.query(self._tokenizer, prompt)]


def _places(named: Collection[PromptAdapter]) -> tuple[str, ...]:
    return tuple(sorted({place_of(each) for each in named}))
