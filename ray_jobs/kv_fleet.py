"""The pools of one model: started, looked after, and as many as there is work for."""

from __future__ import annotations

import logging
import time
from itertools import count
from threading import Event
from typing import Any

import ray

from memos.activation.serving.scaling import Scaling
from memos.infrastructure.chat_models.ray_attempts import ROUTER
from ray_jobs.kv_metrics import KvMetrics
from ray_jobs.kv_pool import OPTIONS, KvPool
from ray_jobs.replica import LOOK_SECONDS, Replica, answer_of, hear_all
from ray_jobs.router import KvRouter
from ray_jobs.settings import PoolSettings

LEAVE_SECONDS = 60.0
"""How long a pool that goes may finish what it answers."""

log = logging.getLogger("memos.worker")


class KvFleet:
    """Pools and their router. All of them end with this process.

    Args:
        settings: of the pools.
        metrics: of all of them.
    """

    def __init__(self, settings: PoolSettings, metrics: KvMetrics) -> None:
        self._settings = settings
        self._metrics = metrics
        self._scaling = Scaling(settings.least, settings.most)
        self._pools: list[Replica] = []
        self._leaving: dict[Replica, float] = {}
        self._router: Any = (
            ray.remote(KvRouter)
            .options(name=ROUTER, num_cpus=0, max_restarts=-1, max_concurrency=8)
            .remote()
        )

    def run(self, ending: Event) -> None:
        """Look after the pools until it is to end; then let them finish what they answer.

        Raises:
            ReplicaFailed: a pool cannot be started.
            ClusterGone: the cluster that it joined is not there any more.
        """
        self._scale(self._settings.least)
        while not ending.wait(LOOK_SECONDS):
            in_flight = self._look()
            self._scale(self._scaling.wanted(len(self._pools), in_flight, time.monotonic()))
        self._scale(0)
        while self._leaving:
            self._look()
            time.sleep(LOOK_SECONDS)
        log.info("ended")

    def _look(self) -> int:
        """Hear what every pool says, and tell the router; how many requests are in flight."""
        losses = answer_of(self._router.losses.remote())
        hear_all((*self._pools, *self._leaving))
        # One that has not answered yet has nothing to evict, and nobody is to wait for it.
        alive = {pool.name: pool.is_alive for pool in self._pools if pool.has_answered}
        told: dict[str, Any] = answer_of(self._router.observe.remote(alive, losses))
        self._metrics.set([pool.state for pool in self._pools], told)
        self._let_go()
        return sum(told["in_flight"].values())

    def _scale(self, wanted: int) -> None:
        """One pool after the other, the last one first where there are to be fewer."""
        if wanted != len(self._pools):
            log.info("pools: %d, where there were %d", wanted, len(self._pools))
        while len(self._pools) < wanted:
            self._pools.append(self._started(self._free_name()))
        while len(self._pools) > wanted:
            self._leaving[self._pools.pop()] = time.monotonic()

    def _free_name(self) -> str:
        """The lowest number that is no pool's: its directory may have what was computed before."""
        taken = {pool.name for pool in (*self._pools, *self._leaving)}
        return next(name for number in count() if (name := f"pool-{number}") not in taken)

    def _started(self, name: str) -> Replica:
        settings = self._settings
        kept = None if settings.kept_in is None else str(settings.kept_in / name)
        adapters = None if settings.adapters_in is None else str(settings.adapters_in)
        return Replica(
            name,
            KvPool,
            OPTIONS,
            settings,
            *(settings.model, settings.device, kept, adapters),
            *(settings.memory_bytes, settings.files_bytes),
        )

    def _let_go(self) -> None:
        """End the pools that were to go and answer nothing any more, or for too long."""
        for pool, since in list(self._leaving.items()):
            if pool.is_idle or time.monotonic() - since > LEAVE_SECONDS:
                del self._leaving[pool]
                pool.close()
                log.info("%s ended", pool.name)
