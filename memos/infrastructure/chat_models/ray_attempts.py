"""Asking the pools of a Ray cluster: each of several attempts by the one that their router names."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterator
from types import TracebackType
from typing import Any

from uuid_utils import uuid4

from memos.infrastructure.chat_models.adapter_files import AdapterFiles
from memos.infrastructure.chat_models.plain_distillation import open_files
from memos.infrastructure.chat_models.port import PromptAdapter
from memos.infrastructure.chat_models.ray_actors import WAIT_SECONDS, Actors, Patience
from memos.infrastructure.keys.envelope import KEY_BYTES
from memos.kernel.errors import ModelUnavailable, shorten

WORKER = "kv"
ROUTER = "memos-kv-router"
"""The name of the router, in the namespace of its pools."""

MOST_ATTEMPTS = 3
"""A request that so many pools died under is given up: it may be what they died of."""

POLL_SECONDS = 0.2


class Pools(Actors):
    """The pools of a namespace.

    Args:
        ray: connected.
        namespace: where the router is, and its pools by the names that it gives them.

    Raises:
        NotInNamespace: there is no router.
    """

    def __init__(self, ray: Any, namespace: str) -> None:
        super().__init__(ray, namespace, WORKER)
        self._router = self.named(ROUTER)

    def attempts(self, request_id: str, root: bytes) -> Iterator[Attempt]:
        """Pools to ask, one after the other until one has answered.

        Raises:
            ModelUnavailable: there is no pool, or several died of the request.
        """
        lost: list[str] = []
        for _ in range(MOST_ATTEMPTS):
            pool = self._routed(request_id, root, lost)
            yield Attempt(self, self._router, request_id, pool, lost)
        raise ModelUnavailable(
            f"{len(lost)} pools died while they answered ({', '.join(lost)}): see what `memos worker kv` "
            "says of them. The request is not tried again"
        )

    @property
    def model_digest(self) -> bytes:
        """See `AdapterServingModel.model_digest`: of the first pool that answers."""
        return bytes(self._answer(b"", "model_digest"))

    def has_adapter(self, adapter: PromptAdapter) -> bool:
        """See `AdapterServingModel.has_adapter`."""
        return bool(self._answer(adapter.sha256, "has_adapter", adapter.sha256, adapter.seal))

    def adapter_files(self, adapter: PromptAdapter) -> AdapterFiles:
        """An adapter as peft has it, in clear.

        Raises:
            ModelUnavailable: the pools do not have it.
        """
        key = secrets.token_bytes(KEY_BYTES)
        asked = adapter.sha256, adapter.seal, key
        return open_files(self._answer(adapter.sha256, "adapter_files", *asked), key)

    def evict(self, owner: str, cube_ids: list[str], keys: list[bytes]) -> int:
        """Have every pool let go of what it computed of an owner's memories; how many segments those were.

        Raises:
            ModelUnavailable: a pool did not answer.
        """
        return sum(self._all_told("evict", owner, cube_ids, keys))

    def forget_adapters(self, digests: Collection[bytes]) -> int:
        """Have every pool let go of adapters; how many of them a pool had.

        Raises:
            ModelUnavailable: a pool did not answer.
        """
        return max(self._all_told("forget_adapters", list(digests)), default=0)

    def _answer(self, root: bytes, method: str, *arguments: object) -> Any:
        """What a pool answers to a call that changes nothing."""
        for attempt in self.attempts(uuid4().hex, root):
            with attempt as pool:
                return self.result(self.call(getattr(pool, method), *arguments))
        raise AssertionError  # the last attempt raises

    def _all_told(self, method: str, *arguments: object) -> list[int]:
        """What every pool answers that is told to let go of something.

        Raises:
            ModelUnavailable: a pool did not answer.
        """
        names = self.told(self.call(self._router.pools))
        asked = {name: self.call(getattr(self.named(name), method), *arguments) for name in names}
        answers, silent = [], []
        for name, reference in asked.items():
            try:
                answers.append(self.result(reference, WAIT_SECONDS))
            except self._ray.exceptions.RayError:
                silent.append(name)
        if silent:
            raise ModelUnavailable(
                f"pools that did not answer may still hold what was to be evicted: {', '.join(silent)}. It is "
                "read by nobody who may not read its memories, and goes when others need its room"
            )
        return answers

    def _routed(self, request_id: str, root: bytes, lost: list[str]) -> tuple[str, Any]:
        """The next pool to ask: waited for, where all are starting."""
        patience = Patience(f"no pool of {self._namespace}", WORKER)
        while True:
            name = self.told(self.call(self._router.begin, request_id, root, lost))
            if name is not None:
                return name, self.named(name)
            patience.check(is_there=False)
            time.sleep(POLL_SECONDS)


class Attempt:
    """Asks one pool, inside `with`. Where the pool dies it ends the block, and the next attempt is on.

    Raises:
        ModelUnavailable: the pool failed at the request.
    """

    def __init__(
        self, pools: Pools, router: Any, request_id: str, named: tuple[str, Any], lost: list[str]
    ) -> None:
        self._pools = pools
        self._router = router
        self._request_id = request_id
        self._name, self._pool = named
        self._lost = lost

    def __enter__(self) -> Any:
        return self._pool

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> bool:
        self._pools.tell(self._router.end, self._request_id)
        if error is None:
            return False
        if self._pools.is_loss(error):
            self._lost.append(self._name)
            self._pools.tell(self._router.lost, self._name)
            return True
        self._pools.tell(self._pool.stop, self._request_id)
        if self._pools.is_failure(error):
            raise ModelUnavailable(f"{self._name} failed: {shorten(str(error), 300)}") from error
        return False
