"""Asking the pools of a Ray cluster: each of several attempts by the one that their router names."""

from __future__ import annotations

import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any

from memos.kernel.errors import ModelUnavailable, shorten

ROUTER = "memos-kv-router"
"""The name of the router, in the namespace of its pools."""

MOST_ATTEMPTS = 3
"""A request that so many pools died under is given up: it may be what they died of."""

WAIT_SECONDS = 120.0
"""How long is waited for a pool that is starting, and for one that does not answer what takes no time."""

POLL_SECONDS = 0.2


class NoRouter(ModelUnavailable):
    """There is no router in a namespace of the cluster."""


class Pools:
    """The pools of a namespace.

    Args:
        ray: connected.
        namespace: where the router is, and its pools by the names that it gives them.

    Raises:
        NoRouter: there is none.
    """

    def __init__(self, ray: Any, namespace: str) -> None:
        self._ray = ray
        self._namespace = namespace
        self._router = self._actor(ROUTER)

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

    def call(self, method: Any, *arguments: object) -> Any:
        """Call a method of an actor: what to wait for.

        Raises:
            ModelUnavailable: this process is not connected any more.
        """
        if not self._ray.is_initialized():
            raise ModelUnavailable(
                "the connection to the Ray cluster ended meanwhile: ask again, and a new one is made"
            )
        return method.remote(*arguments)

    def tell(self, method: Any, *arguments: object) -> None:
        """Call a method of an actor that nobody waits for, if this process is still connected."""
        if self._ray.is_initialized():
            method.remote(*arguments)

    def pieces(self, method: Any, *arguments: object) -> Iterator[Any]:
        """What a method of an actor gives piece by piece, as it comes."""
        references = iter(self.call(method, *arguments))
        while self._ray.is_initialized():
            reference = next(references, None)
            if reference is None:
                return
            yield self._ray.get(reference)

    def result(self, reference: Any, seconds: float | None = None) -> Any:
        """What a call of an actor gave."""
        return self._ray.get(reference, timeout=seconds)

    def evict(self, owner: str, cube_ids: list[str], keys: list[bytes]) -> int:
        """Have every pool let go of what it computed of an owner's memories; how many segments those were.

        Raises:
            ModelUnavailable: a pool did not answer.
        """
        evicted = self.answers("evict", owner, cube_ids, keys)
        return sum(self._all(evicted, "hold what was to be evicted"))

    def forget_adapters(self, digests: list[bytes]) -> int:
        """Have every pool let go of adapters; how many there were, each counted once a pool.

        Raises:
            ModelUnavailable: a pool did not answer.
        """
        forgotten = self.answers("forget_adapters", digests)
        return sum(self._all(forgotten, "hold adapters that were to be forgotten"))

    def answers(
        self, method: str, *arguments: object, seconds: float = WAIT_SECONDS
    ) -> dict[str, Any]:
        """What every pool says, by its name; None of one that did not say it in time."""
        deadline = time.monotonic() + seconds
        names = self._told(self.call(self._router.pools))
        asked = {name: self.call(getattr(self._actor(name), method), *arguments) for name in names}
        told: dict[str, Any] = {}
        for name, reference in asked.items():
            try:
                told[name] = self.result(reference, max(0.0, deadline - time.monotonic()))
            except self._ray.exceptions.RayError:
                told[name] = None
        return told

    @staticmethod
    def _all(told: dict[str, Any], what: str) -> list[Any]:
        if silent := [name for name, said in told.items() if said is None]:
            raise ModelUnavailable(
                f"pools that did not answer may still {what}: {', '.join(silent)}. It is read by nobody who may "
                "not read its memories, and goes when others need its room"
            )
        return list(told.values())

    def is_loss(self, error: BaseException) -> bool:
        """Whether an error says that a pool died, or cannot be reached."""
        errors = self._ray.exceptions
        return isinstance(error, errors.RayActorError | errors.ObjectLostError)

    def is_failure(self, error: BaseException) -> bool:
        """Whether an error says that a pool failed at what it was asked."""
        return isinstance(error, self._ray.exceptions.RayError)

    def _routed(self, request_id: str, root: bytes, lost: list[str]) -> tuple[str, Any]:
        """The next pool to ask: waited for, where all are starting."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            name = self._told(self.call(self._router.begin, request_id, root, lost))
            if name is not None:
                return name, self._actor(name)
            if time.monotonic() > deadline:
                raise ModelUnavailable(
                    f"no pool of {self._namespace} has come up within {WAIT_SECONDS:.0f} s: see what "
                    "`memos worker kv` says"
                )
            time.sleep(POLL_SECONDS)

    def _actor(self, name: str) -> Any:
        try:
            return self._ray.get_actor(name, self._namespace)
        except ValueError as error:
            raise self._none_here() from error

    def _told(self, reference: Any) -> Any:
        """What the router says."""
        try:
            return self.result(reference, WAIT_SECONDS)
        except self._ray.exceptions.RayError as error:
            raise self._none_here() from error

    def _none_here(self) -> NoRouter:
        return NoRouter(
            f"the Ray cluster has no pools in the namespace {self._namespace}: start them with "
            f"`memos worker kv --namespace {self._namespace}`"
        )


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
