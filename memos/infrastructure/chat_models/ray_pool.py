"""A chat model in a Ray cluster, whose pools keep what was computed of memories."""

from __future__ import annotations

import os
from collections.abc import Collection, Generator, Iterator, Sequence

from uuid_utils import uuid4

from memos.infrastructure.chat_models.caching_models import note_caching_model
from memos.infrastructure.chat_models.plain_prompt import (
    piece_of,
    plain_prompt,
    prefix_of,
    root_of,
)
from memos.infrastructure.chat_models.port import (
    CachedPrefix,
    ChatPrompt,
    PrefillCosts,
    PromptAdapter,
    TokenUsage,
)
from memos.infrastructure.chat_models.ray_attempts import NoRouter, Pools
from memos.infrastructure.chat_models.ray_connection import CONNECTION, DEFAULT_ADDRESS
from memos.kernel.errors import ModelUnavailable

NAMESPACE = "memos"
ADAPTER_SECONDS = 5.0
"""How long is waited for what pools say of adapters: without them, memories are text in the prompt."""
BYTES_PER_TOKEN = 4
"""Of an English text, about."""


class RayPool:
    """See `memos.infrastructure.chat_models.adapting.AdapterServingModel`. Safe for threads. Adapters are learnt
    by a model on a machine that shares the directory of the pools.

    Prompts go, as text, to the pool that has computed their prefix. Where it dies meanwhile, another one, or
    the same when it is back, is asked with the same request id, and what it says is told from where the
    first one ended: answers are greedy, so they are the same. Where they are not, that is an error: no answer
    is put together from two.

    Args:
        address: the cluster's `host:port`; by default RAY_ADDRESS, or where `memos worker kv` has its own.
            A process that is connected to a cluster stays where it is.
        namespace: of the pools, in the cluster.
    """

    def __init__(self, address: str | None = None, namespace: str = NAMESPACE) -> None:
        self.name = f"ray#{namespace}"
        self._address = address or os.environ.get("RAY_ADDRESS") or DEFAULT_ADDRESS
        self._namespace = namespace
        self._model_digest = b""
        note_caching_model(self)

    def __repr__(self) -> str:
        return f"RayPool({self._address!r}, {self._namespace!r})"

    def stream(self, prompt: ChatPrompt) -> Generator[str | TokenUsage, None, None]:
        pools, plain, request_id = self._pools(), plain_prompt(prompt), uuid4().hex
        told: list[str | TokenUsage] = []
        for attempt in pools.attempts(request_id, root_of(prompt)):
            with attempt as pool:
                said = pools.pieces(pool.answer, request_id, plain)
                for piece in behind(told, map(piece_of, said)):
                    told.append(piece)
                    yield piece
                check_whole(told)
                return

    def prefill(self, prompt: ChatPrompt) -> CachedPrefix:
        pools, plain = self._pools(), plain_prompt(prompt)
        for attempt in pools.attempts(uuid4().hex, root_of(prompt)):
            with attempt as pool:
                return prefix_of(pools.result(pools.call(pool.prefill, plain)))
        raise AssertionError  # the last attempt raises

    def prefill_costs(self) -> PrefillCosts:
        pools = self._pools()
        for attempt in pools.attempts(uuid4().hex, b""):
            with attempt as pool:
                return PrefillCosts(*pools.result(pools.call(pool.prefill_costs)))
        raise AssertionError  # the last attempt raises

    def count_tokens(self, text: str) -> int:
        """See `CachingModel.count_tokens`: about, for the pools are not asked."""
        return len(text.encode("utf-8", "surrogatepass")) // BYTES_PER_TOKEN + 1

    def evict(
        self, owner: str, cube_ids: Collection[str] = (), keys: Collection[bytes] = ()
    ) -> int:
        """See `CachingModel.evict`: in every pool.

        Raises:
            ModelUnavailable: a pool did not answer; the message says which.
        """
        return self._pools().evict(owner, list(cube_ids), list(keys))

    @property
    def model_digest(self) -> bytes:
        """See `AdapterServingModel.model_digest`.

        Raises:
            ModelUnavailable: no pool tells it, or they have several models.
        """
        if not self._model_digest:
            told = set(self._pools().answers("model_digest", seconds=ADAPTER_SECONDS).values())
            if len(told) != 1 or None in told:
                raise ModelUnavailable(
                    f"the pools of {self.name} do not tell which model they have, or have several: see what "
                    "`memos worker kv` says"
                )
            (self._model_digest,) = told
        return self._model_digest

    def has_adapter(self, adapter: PromptAdapter) -> bool:
        """See `AdapterServingModel.has_adapter`: whether every pool has it, for any of them may answer."""
        told = self._pools().answers(
            "has_adapter", adapter.sha256, adapter.seal, seconds=ADAPTER_SECONDS
        )
        return bool(told) and all(told.values())

    def forget_adapters(self, digests: Collection[bytes]) -> int:
        """See `AdapterServingModel.forget_adapters`: in every pool.

        Raises:
            ModelUnavailable: a pool did not answer; the message says which.
        """
        return self._pools().forget_adapters(list(digests))

    def _pools(self) -> Pools:
        try:
            return Pools(CONNECTION.ray(self._address, self._namespace), self._namespace)
        except NoRouter:  # so it is where the cluster was replaced
            return Pools(CONNECTION.ray(self._address, self._namespace, anew=True), self._namespace)


def behind(
    told: list[str | TokenUsage], pieces: Iterator[str | TokenUsage]
) -> Iterator[str | TokenUsage]:
    """What comes behind the pieces that were told already, once these have come again.

    Raises:
        ModelUnavailable: others came.
    """
    for before in tuple(told):
        if next(pieces, None) != before:
            raise ModelUnavailable(
                "the pool that answered died, and another one, asked the same, begins its answer with other "
                "words: do the pools have one model? Ask again"
            )
    yield from pieces


def check_whole(told: Sequence[str | TokenUsage]) -> None:
    """See that an answer has its last piece, which says what it took.

    Raises:
        ModelUnavailable: it was cut off.
    """
    if not told or not isinstance(told[-1], TokenUsage):
        raise ModelUnavailable(
            "the pool was stopped before its answer was whole, or the connection to its cluster ended: ask again"
        )
