"""The named actors of a namespace of a Ray cluster, and calls of them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any

from memos.kernel.errors import ModelUnavailable

WAIT_SECONDS = 120.0
"""How long is waited for a process that is starting, and for one that does not answer what takes no time."""


class NotInNamespace(ModelUnavailable):
    """There is no actor of a name in a namespace of the cluster."""


def has_any(ray: Any, namespace: str, names: Sequence[str]) -> bool:
    """Whether a namespace has an actor of one of these names."""
    for name in names:
        with suppress(ValueError):
            ray.get_actor(name, namespace)
            return True
    return False


class Actors:
    """Actors, found by their names.

    Args:
        ray: connected.
        namespace: where they are.
        worker: the kind of `memos worker` that starts them.
    """

    def __init__(self, ray: Any, namespace: str, worker: str) -> None:
        self._ray = ray
        self._namespace = namespace
        self._worker = worker

    def named(self, name: str) -> Any:
        """An actor.

        Raises:
            NotInNamespace: there is none of this name.
        """
        try:
            return self._ray.get_actor(name, self._namespace)
        except ValueError as error:
            raise self.none_here() from error

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

    def told(self, reference: Any) -> Any:
        """What an actor says that looks after others, and answers at once.

        Raises:
            NotInNamespace: it is not there any more.
        """
        try:
            return self.result(reference, WAIT_SECONDS)
        except self._ray.exceptions.RayError as error:
            raise self.none_here() from error

    def is_loss(self, error: BaseException) -> bool:
        """Whether an error says that an actor died, or cannot be reached."""
        errors = self._ray.exceptions
        return isinstance(error, errors.RayActorError | errors.ObjectLostError)

    def is_failure(self, error: BaseException) -> bool:
        """Whether an error says that an actor failed at what it was asked."""
        return isinstance(error, self._ray.exceptions.RayError)

    def none_here(self) -> NotInNamespace:
        """The error of a namespace without them."""
        return NotInNamespace(
            f"the Ray cluster has nothing of `memos worker {self._worker}` in the namespace "
            f"{self._namespace}: start it with `memos worker {self._worker} --namespace {self._namespace}`"
        )


class Patience:
    """How long is waited for a process that is starting, from the first look at it.

    Args:
        what: is waited for.
        worker: the kind of `memos worker` that starts it.
    """

    def __init__(self, what: str, worker: str) -> None:
        self._what = what
        self._worker = worker
        self._until = time.monotonic() + WAIT_SECONDS

    def check(self, *, is_there: bool) -> None:
        """Look whether it is there.

        Raises:
            ModelUnavailable: it has not been for too long.
        """
        now = time.monotonic()
        if is_there:
            self._until = now + WAIT_SECONDS
        elif now > self._until:
            raise ModelUnavailable(
                f"{self._what} has come up within {WAIT_SECONDS:.0f} s: see what `memos worker "
                f"{self._worker}` says"
            )
