"""The router: one actor that says which pool takes a request. Prompts and answers do not go through it."""

from __future__ import annotations

from typing import Any

import ray

from memos.activation.serving.router import Router

RETRIES = -1
"""Each of its calls may be repeated without another effect."""


class KvRouter:
    """See `Router`. What it knows it learns again, from whoever looks after the pools."""

    def __init__(self) -> None:
        self._router = Router()

    @ray.method(max_task_retries=RETRIES)
    def begin(self, request_id: str, root: bytes, avoided: list[str]) -> str | None:
        return self._router.begin(request_id, root, avoided)

    @ray.method(max_task_retries=RETRIES)
    def end(self, request_id: str) -> None:
        self._router.end(request_id)

    @ray.method(max_task_retries=RETRIES)
    def lost(self, name: str) -> None:
        self._router.lost(name)

    @ray.method(max_task_retries=RETRIES)
    def pools(self) -> list[str]:
        return list(self._router.pools)

    @ray.method(max_task_retries=RETRIES)
    def losses(self) -> int:
        return self._router.losses

    @ray.method(max_task_retries=RETRIES)
    def observe(self, alive: dict[str, bool], losses: int) -> dict[str, Any]:
        self._router.observe(alive, losses)
        return self._router.figures()._asdict()
