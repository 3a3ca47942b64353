"""One process of a model as whoever looks after it sees it: its place, its actor, and what it said last."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

import ray
from ray.util.placement_group import placement_group, remove_placement_group
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from memos.kernel.errors import MemosError
from ray_jobs.metrics import ReplicaState
from ray_jobs.settings import ReplicaSettings

LOOK_SECONDS = 1.0
CLOSE_SECONDS = 60.0
GONE_SECONDS = 60.0
SILENT_SECONDS = 30.0
"""One that has not answered for so long hangs, and gets no request."""


log = logging.getLogger("memos.worker")


class ReplicaFailed(MemosError):
    """A process cannot be started: the model, its directory or its device is not as it was named."""


class ClusterGone(MemosError):
    """The cluster is not there any more, or answers nothing."""


class Replica:
    """An actor in a placement group of its own. Ray starts it again whenever it dies.

    Args:
        name: by which it is found in the namespace.
        actor: its class, with methods `figures`, which tells of its `incarnation` too, and `close`.
        options: of the class.
        settings: of the process.
        arguments: of the actor.

    Attributes:
        name: by which it is found in the namespace.
        restarts: how often it was found to be another process than before.
        figures: what it said last; None where it has not answered yet, or is away.
    """

    def __init__(
        self,
        name: str,
        actor: type,
        options: Mapping[str, Any],
        settings: ReplicaSettings,
        *arguments: object,
    ) -> None:
        self.name = name
        self.restarts = 0
        self.figures: dict[str, Any] | None = None
        self._incarnation: str | None = None
        self._place = placement_group([settings.bundle])
        self._actor: Any = (
            ray.remote(**options)(actor)
            .options(
                name=name,
                num_cpus=settings.cpus,
                num_gpus=settings.gpus,
                scheduling_strategy=PlacementGroupSchedulingStrategy(self._place),
            )
            .remote(*arguments)
        )
        self._asked: Any = None
        self._asked_at = 0.0

    def ask(self) -> Any:
        """Have it tell its figures, unless it has still to answer: what it said goes if it never does."""
        if self._asked is None:
            self._asked, self._asked_at = self._actor.figures.remote(), time.monotonic()
        elif time.monotonic() - self._asked_at > SILENT_SECONDS:
            self.figures = None
        return self._asked

    def hear(self) -> None:
        """Take in its answer, which has come.

        Raises:
            ReplicaFailed: it cannot be started, and Ray does not try any more.
        """
        asked, self._asked = self._asked, None
        try:
            self._heard(ray.get(asked))
        except ray.exceptions.ActorDiedError as error:
            *_, cause = str(error).strip().splitlines()
            raise ReplicaFailed(f"{self.name} cannot be started: {cause}") from error
        except ray.exceptions.RayActorError:
            self.figures = None

    @property
    def is_alive(self) -> bool:
        """Whether it answered last."""
        return self.figures is not None

    @property
    def has_answered(self) -> bool:
        """Whether it was ever there."""
        return self._incarnation is not None

    @property
    def state(self) -> ReplicaState:
        """For the metrics."""
        return ReplicaState(self.name, self.restarts, self.figures)

    @property
    def is_idle(self) -> bool:
        """Whether it does nothing, as far as is known."""
        return self.figures is None or not self.figures["in_flight"]

    def close(self) -> None:
        """Have it write what would be lost, and end."""
        with suppress(ray.exceptions.RayError):
            ray.get(self._actor.close.remote(), timeout=CLOSE_SECONDS)
        ray.kill(self._actor)
        remove_placement_group(self._place)

    def _heard(self, figures: dict[str, Any]) -> None:
        incarnation = figures["incarnation"]
        self.restarts += self._incarnation not in (None, incarnation)
        self._incarnation = incarnation
        self.figures = figures


def answer_of(reference: Any) -> Any:
    """What an actor says that is started again within seconds wherever its cluster is there.

    Raises:
        ClusterGone: it says nothing.
    """
    try:
        return ray.get(reference, timeout=GONE_SECONDS)
    except (ray.exceptions.GetTimeoutError, ray.exceptions.RayActorError) as error:
        raise ClusterGone("the Ray cluster is gone: start this worker again where it is") from error


def hear_all(replicas: Sequence[Replica]) -> None:
    """Hear what every one says that answers within a look, and log which died and came.

    Raises:
        ReplicaFailed: one cannot be started.
    """
    before = {replica: (replica.is_alive, replica.restarts) for replica in replicas}
    asked = {replica.ask(): replica for replica in replicas}
    heard, _ = ray.wait(list(asked), num_returns=len(asked), timeout=LOOK_SECONDS)
    for reference in heard:
        asked[reference].hear()
    for replica, (was_alive, restarts) in before.items():
        _log_change(replica, was_alive, restarts)


def _log_change(replica: Replica, was_alive: bool, restarts: int) -> None:
    if replica.restarts > restarts:
        log.warning("%s was started again", replica.name)
    elif replica.is_alive and not was_alive:
        log.info("%s answers", replica.name)
    elif was_alive and not replica.is_alive:
        log.error("%s died, or hangs; where it died Ray starts it again", replica.name)
