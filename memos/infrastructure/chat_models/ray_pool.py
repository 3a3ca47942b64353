"""A chat model in a Ray cluster: pools answer and keep what was computed of memories, distillers learn them."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Generator, Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from uuid_utils import uuid4

from memos.infrastructure.chat_models.adapting import DistillationJob, DistilledAdapter, Probe
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
from memos.infrastructure.chat_models.ray_actors import NotInNamespace, has_any
from memos.infrastructure.chat_models.ray_attempts import ROUTER, Pools
from memos.infrastructure.chat_models.ray_connection import CONNECTION, DEFAULT_ADDRESS
from memos.infrastructure.chat_models.ray_distillers import QUEUE, Distillers
from memos.infrastructure.progress import Progress, no_progress
from memos.kernel.errors import ModelUnavailable

NAMESPACE = "memos"
BYTES_PER_TOKEN = 4
"""Of an English text, about."""
DIGEST_SECONDS = 30.0
"""For how long it is taken for granted which model the pools have."""

Workers = TypeVar("Workers", Pools, Distillers)


class RayPool:
    """See `memos.infrastructure.chat_models.adapting.AdaptingModel`. Safe for threads.

    Prompts go, as text, to the pool that has computed their prefix. Where it dies meanwhile, another one, or
    the same when it is back, is asked with the same request id, and what it says is told from where the
    first one ended: answers are greedy, so they are the same. Where they are not, that is an error: no answer
    is put together from two.

    Memories are learnt by distillers of the same namespace, which keep adapters where its pools find them.

    Args:
        address: the cluster's `host:port`; by default RAY_ADDRESS, or where `memos worker kv` has its own.
            A process that is connected to a cluster stays where it is.
        namespace: of the pools and distillers, in the cluster.
    """

    def __init__(self, address: str | None = None, namespace: str = NAMESPACE) -> None:
        self.name = f"ray#{namespace}"
        self._address = address or os.environ.get("RAY_ADDRESS") or DEFAULT_ADDRESS
        self._namespace = namespace
        self._digest, self._digest_until = b"", 0.0
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
        """See `AdapterServingModel.model_digest`: of the pools, or where there are none of the distillers."""
        now = time.monotonic()
        if now > self._digest_until:
            try:
                self._digest = self._pools().model_digest
            except NotInNamespace:
                self._digest = self._distillers().model_digest
            self._digest_until = now + DIGEST_SECONDS
        return self._digest

    def has_adapter(self, adapter: PromptAdapter) -> bool:
        """See `AdapterServingModel.has_adapter`: whether every pool has it, for any of them may answer; where
        there are no pools, whether the distillers have it.
        """
        try:
            pools = self._pools()
        except NotInNamespace:
            return self._distillers().has_adapter(adapter)
        return pools.has_adapter(adapter)

    def forget_adapters(self, digests: Collection[bytes]) -> int:
        """See `AdapterServingModel.forget_adapters`: in every pool and every distiller.

        Raises:
            ModelUnavailable: one of them did not answer, or there are none.
        """
        counts, missing = [], []
        for workers in (self._pools, self._distillers):
            try:
                counts.append(workers().forget_adapters(digests))
            except NotInNamespace as error:
                missing.append(error)
        if not counts:
            raise missing[0]
        return max(counts)

    def distil(self, job: DistillationJob, progress: Progress = no_progress) -> DistilledAdapter:
        """See `AdaptingModel.distil`. Where a distiller dies meanwhile, another one, or the same when it is back,
        goes on from the last checkpoint. Equal jobs of several callers are one.

        Raises:
            DistillationRefused: there is nothing that can be learnt, or training broke down.
            ModelUnavailable: there are no distillers, several died of the job, or they have another model than
                the pools.
        """
        distillers = self._distillers()
        if distillers.model_digest != self.model_digest:
            raise ModelUnavailable(
                f"the distillers of {self._namespace} have another model than its pools: what they learn could "
                "not answer. Give `memos worker kv` and `memos worker distill` the same --model"
            )
        return distillers.distil(job, progress)

    def probe(self, adapter: PromptAdapter, job: DistillationJob) -> tuple[Probe, ...]:
        """See `AdaptingModel.probe`: by a distiller."""
        return self._distillers().probe(adapter, job)

    def export_adapter(self, adapter: PromptAdapter, directory: Path) -> None:
        """See `AdaptingModel.export_adapter`: into a directory of this machine.

        Raises:
            ModelUnavailable: there are no pools, or they do not have it.
            VaultError: it cannot be written.
        """
        self._pools().adapter_files(adapter).save(directory)

    def _pools(self) -> Pools:
        return self._workers(Pools)

    def _distillers(self) -> Distillers:
        return self._workers(Distillers)

    def _workers(self, kind: type[Workers]) -> Workers:
        ray = CONNECTION.ray(self._address, self._namespace)
        try:
            return kind(ray, self._namespace)
        except NotInNamespace:
            if has_any(ray, self._namespace, (ROUTER, QUEUE)):
                raise
        # So it is where the cluster was replaced.
        ray = CONNECTION.ray(self._address, self._namespace, anew=True)
        return kind(ray, self._namespace)


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
