"""Asking the pools of a Ray cluster: each of several attempts by the one that their router names."""

from __future__ import annotations

import secrets
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from types import TracebackType
from typing import Any

from uuid_utils import uuid4

from memos.infrastructure.chat_models.adapter_files import AdapterFiles
from memos.infrastructure.chat_models.plain_distillation import open_files
from memos.infrastructure.chat_models.port import PromptAdapter
from memos.infrastructure.chat_models.ray_actors import (
    WAIT_SECONDS,
    Actors,
    NotInNamespace,
    Patience,
)
from memos.infrastructure.keys.envelope import KEY_BYTES
from memos.kernel.errors import ModelUnavailable, shorten

WORKER = "kv"
ROUTER = "memos-kv-router"
"""The name of the router, in the namespace of its pools."""

MOST_ATTEMPTS = 3
"""A request that so many pools died under is given up: it may be what they died of."""

POLL_SECONDS = 0.2

ADAPTER_SECONDS = 5.0
"""How long is waited for what pools say of adapters: without them, memories are text in the prompt."""


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
        """See `AdapterServingModel.model_digest`.

        Raises:
            ModelUnavailable: no pool tells it, or they have several models.
        """
        digests = set(self._answers("model_digest", seconds=ADAPTER_SECONDS).values())
        if len(digests) != 1 or None in digests:
            raise ModelUnavailable(
                f"the pools of {self._namespace} do not tell which model they have, or have several: see what "
                "`memos worker kv` says"
            )
        return bytes(digests.pop())

    def has_adapter(self, adapter: PromptAdapter) -> bool:
        """See `AdapterServingModel.has_adapter`: whether every pool has it, for any of them may answer."""
        asked = adapter.sha256, adapter.seal
        answers = self._answers("has_adapter", *asked, seconds=ADAPTER_SECONDS)
        return bool(answers) and all(answers.values())

    def adapter_files(self, adapter: PromptAdapter) -> AdapterFiles:
        """An adapter as peft has it, in clear.

        Raises:
            ModelUnavailable: the pools do not have it.
        """
        key = secrets.token_bytes(KEY_BYTES)
        for attempt in self.attempts(uuid4().hex, adapter.sha256):
            with attempt as pool:
                asked = adapter.sha256, adapter.seal, key
                return open_files(self.result(self.call(pool.adapter_files, *asked)), key)
        raise AssertionError  # the last attempt raises

    def evict(self, owner: str, cube_ids: list[str], keys: list[bytes]) -> int:
        """Have every pool let go of what it computed of an owner's memories; how many segments those were.

        Raises:
            ModelUnavailable: a pool did not answer.
        """
        evicted = self._answers("evict", owner, cube_ids, keys)
        return sum(_of_all(evicted, "hold what was to be evicted"))

    def forget_adapters(self, digests: Collection[bytes]) -> int:
        """Have every pool let go of adapters; how many there were.

        Raises:
            ModelUnavailable: a pool did not answer.
        """
        forgotten = self._answers("forget_adapters", list(digests))
        return max(_of_all(forgotten, "hold adapters that were to be forgotten"), default=0)

    def _answers(
        self, method: str, *arguments: object, seconds: float = WAIT_SECONDS
    ) -> dict[str, Any]:
        """What every pool says, by its name; None of one that did not say it in time."""
        deadline = time.monotonic() + seconds
        names = self.told(self.call(self._router.pools))
        asked: dict[str, Any] = {}
        for name in names:
            with suppress(NotInNamespace):  # it ended meanwhile, with all that it held
                asked[name] = self.call(getattr(self.named(name), method), *arguments)
        answers: dict[str, Any] = {}
        for name, reference in asked.items():
            try:
                answers[name] = self.result(reference, max(0.0, deadline - time.monotonic()))
            except self._ray.exceptions.RayError:
                answers[name] = None
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


def _of_all(answers: Mapping[str, Any], what: str) -> list[int]:
    """The answers, where none is missing.

    Raises:
        ModelUnavailable: a pool did not answer.
    """
    if silent := [name for name, answer in answers.items() if answer is None]:
        raise ModelUnavailable(
            f"pools that did not answer may still {what}: {', '.join(silent)}. It is read by nobody who may "
            "not read its memories, and goes when others need its room"
        )
    return list(answers.values())


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
