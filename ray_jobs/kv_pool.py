"""A pool: one actor for each GPU, or slot of CPUs, that owns a model and what it computed of memories.

Ids, texts and figures go in and out, of builtin types only; no tensor leaves the process.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import ray
from uuid_utils import uuid4

from memos.infrastructure.chat_models.plain_distillation import seal_files
from memos.infrastructure.chat_models.plain_prompt import (
    PlainPiece,
    plain_error,
    plain_prefix,
    plain_usage,
    prompt_of,
)
from memos.infrastructure.chat_models.port import PromptAdapter
from memos.kernel.errors import MemosError
from ray_jobs.settings import SMOLLM2

ANSWERS_AT_ONCE = 4
"""Side by side: one long answer keeps no other from its first piece."""

OPTIONS: dict[str, Any] = {
    # So many threads answer; what is asked about the pool does not wait for them.
    "concurrency_groups": {"infer": ANSWERS_AT_ONCE, "adapters": 1, "control": 2},
    # A request that got lost on its way holds up no other.
    "allow_out_of_order_execution": True,
    "max_restarts": -1,
}
"""Of the actor."""


class KvPool:
    """See `PoolServer`. All but `answer` may be asked again by Ray, where it does not know whether they
    came through; an answer's pieces are compared by whoever asks again.
    """

    def __init__(
        self,
        model: str,
        device: str,
        kept_in: str | None,
        adapters_in: str | None,
        memory_bytes: int,
        files_bytes: int,
    ) -> None:
        # Bring PyTorch, of which whoever starts pools has no need.
        from memos.activation.chat_model import LocalModel
        from memos.activation.segment_store import StoreLimits
        from memos.activation.serving.pool_server import PoolServer

        load = LocalModel.smollm2 if model == SMOLLM2 else partial(LocalModel.load, Path(model))
        loaded = load(
            device=device,
            kept_in=None if kept_in is None else Path(kept_in),
            adapters_in=None if adapters_in is None else Path(adapters_in),
            limits=StoreLimits(device=memory_bytes, files=files_bytes),
        )
        self._server = PoolServer(loaded)
        self._incarnation = uuid4().hex

    @ray.method(concurrency_group="infer", num_returns="streaming", max_task_retries=0)
    def answer(self, request_id: str, prompt: dict[str, Any]) -> Iterator[PlainPiece]:
        try:
            for piece in self._server.answer(request_id, prompt_of(prompt)):
                yield piece if isinstance(piece, str) else plain_usage(piece)
        except MemosError as error:
            yield plain_error(error)

    @ray.method(concurrency_group="infer", max_task_retries=0)
    def prefill(self, prompt: dict[str, Any]) -> dict[str, Any]:
        try:
            return plain_prefix(self._server.prefill(prompt_of(prompt)))
        except MemosError as error:
            return plain_error(error)

    @ray.method(concurrency_group="control")
    def stop(self, request_id: str) -> None:
        self._server.stop(request_id)

    @ray.method(concurrency_group="infer", max_task_retries=0)
    def prefill_costs(self) -> list[float]:
        return list(self._server.prefill_costs())

    @ray.method(concurrency_group="control", max_task_retries=3)
    def evict(self, owner: str, cube_ids: list[str], keys: list[bytes]) -> int:
        return self._server.evict(owner, cube_ids, keys)

    @ray.method(concurrency_group="control", max_task_retries=3)
    def evict_owner(self, owner: str) -> int:
        return self._server.evict_owner(owner)

    @ray.method(concurrency_group="control", max_task_retries=3)
    def forget_adapters(self, digests: list[bytes]) -> int:
        return self._server.forget_adapters(digests)

    @ray.method(concurrency_group="control", max_task_retries=3)
    def model_digest(self) -> bytes:
        return self._server.model_digest

    @ray.method(concurrency_group="adapters", max_task_retries=3)
    def has_adapter(self, sha256: bytes, seal: bytes) -> bool:
        return self._server.has_adapter(PromptAdapter(sha256, seal))

    @ray.method(concurrency_group="adapters", max_task_retries=0)
    def adapter_files(self, sha256: bytes, seal: bytes, key: bytes) -> dict[str, Any]:
        try:
            return seal_files(self._server.adapter_files(PromptAdapter(sha256, seal)), key)
        except MemosError as error:
            return plain_error(error)

    @ray.method(concurrency_group="control")
    def figures(self) -> dict[str, Any]:
        return {"incarnation": self._incarnation, **asdict(self._server.figures())}

    @ray.method(concurrency_group="control")
    def close(self) -> None:
        self._server.close()
