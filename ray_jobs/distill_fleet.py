"""The distillers of one model, and their queue: started, and looked after."""

from __future__ import annotations

import logging
from threading import Event
from typing import Any

import ray

from memos.infrastructure.chat_models.ray_distillers import QUEUE
from ray_jobs.distill import OPTIONS, RayDistiller
from ray_jobs.distill_metrics import DistillMetrics
from ray_jobs.distill_queue import DistillQueue
from ray_jobs.replica import LOOK_SECONDS, Replica, answer_of, hear_all
from ray_jobs.settings import DistillerSettings

log = logging.getLogger("memos.worker")


class DistillFleet:
    """Distillers and their queue. All of them end with this process; a job that is cut off goes on from its last
    checkpoint when it is asked for again.

    Args:
        settings: of the distillers.
        metrics: of all of them.
        actor: the class of a distiller.
    """

    def __init__(
        self,
        settings: DistillerSettings,
        metrics: DistillMetrics,
        actor: type[RayDistiller] = RayDistiller,
    ) -> None:
        self._metrics = metrics
        arguments = (
            settings.model,
            settings.device,
            settings.gpus,
            str(settings.adapters_in),
            settings.adapters_bytes,
        )
        self._distillers = [
            Replica(f"distiller-{number}", actor, OPTIONS, settings, *arguments)
            for number in range(settings.most)
        ]
        names = [distiller.name for distiller in self._distillers]
        self._queue: Any = (
            ray.remote(DistillQueue).options(name=QUEUE, num_cpus=0, max_restarts=-1).remote(names)
        )

    def run(self, ending: Event) -> None:
        """Look after the distillers until it is to end.

        Raises:
            ReplicaFailed: a distiller cannot be started.
            ClusterGone: the cluster that it joined is not there any more.
        """
        while not ending.wait(LOOK_SECONDS):
            hear_all(self._distillers)
            figures: dict[str, Any] = answer_of(self._queue.figures.remote())
            self._metrics.set([distiller.state for distiller in self._distillers], figures)
        ray.kill(self._queue)
        for distiller in self._distillers:
            distiller.close()
        log.info("ended")
