"""A distiller: one actor for each slot of CPUs, or GPU, that owns a model and trains adapters of it, one job after the
other, at the lowest priority.

Jobs come sealed, with their keys beside them; figures and sealed texts go out, of builtin types only.
"""

from __future__ import annotations

import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import ray
from uuid_utils import uuid4

from memos.infrastructure.chat_models.plain_distillation import open_job, plain_adapter, seal_probes
from memos.infrastructure.chat_models.plain_prompt import plain_error
from memos.infrastructure.chat_models.port import PromptAdapter
from memos.infrastructure.chat_models.ray_distillers import QUEUE
from memos.infrastructure.progress import Progress
from memos.kernel.errors import DistillationRefused, MemosError
from memos.parametric.serving.job_queue import Became
from ray_jobs.priority import LOWEST, give_way
from ray_jobs.settings import SMOLLM2

if TYPE_CHECKING:
    from memos.parametric.local_learner import LocalLearner

TELL_SECONDS = 0.25
"""Between two times that it is told how far a job has come."""

OPTIONS: dict[str, Any] = {
    # One job at a time; what is asked about the distiller does not wait for it.
    "concurrency_groups": {"jobs": 1, "control": 2},
    "allow_out_of_order_execution": True,
    "max_restarts": -1,
}
"""Of the actor."""

UNTIL_IT_IS_THERE = -1
"""Ray asks again for as long as the actor is being started."""


class RayDistiller:
    """See `LocalLearner`. Whether a job that it died under is tried again the queue decides, and not Ray."""

    niceness = LOWEST

    def __init__(
        self, model: str, device: str, gpus: float, adapters_in: str, adapters_bytes: int
    ) -> None:
        give_way(self.niceness)
        if 0 < gpus < 1:
            import torch

            torch.cuda.set_per_process_memory_fraction(gpus)
        self._learner = self.load(model, device, Path(adapters_in), adapters_bytes)
        self._incarnation = uuid4().hex
        self._running: bytes | None = None

    @staticmethod
    def load(model: str, device: str, adapters_in: Path, adapters_bytes: int) -> LocalLearner:
        """What learns."""
        # Bring PyTorch, of which whoever starts distillers has no need.
        from memos.activation.segment_store import StoreLimits
        from memos.parametric.local_learner import LocalLearner

        load = LocalLearner.smollm2 if model == SMOLLM2 else partial(LocalLearner.load, Path(model))
        limits = StoreLimits(adapter_files=adapters_bytes)
        return load(device=device, adapters_in=adapters_in, limits=limits)

    @ray.method(concurrency_group="jobs", max_task_retries=0)
    def run(
        self, job_id: bytes, box: bytes, key: bytes, adapter: tuple[bytes, bytes] | None
    ) -> tuple[str, dict[str, Any], float]:
        """Do what is asked; what became of it, what to tell those who wait, and the seconds it took."""
        give_way(self.niceness)
        started, self._running = time.monotonic(), job_id
        try:
            became, outcome = (
                self._distilled(job_id, box, key)
                if adapter is None
                else self._probed(box, key, PromptAdapter(*adapter))
            )
        except DistillationRefused as error:
            became, outcome = Became.REFUSED, plain_error(error)
        except MemosError as error:
            became, outcome = Became.FAILED, plain_error(error)
        finally:
            self._running = None
        return became.value, outcome, time.monotonic() - started

    @ray.method(concurrency_group="control", max_task_retries=UNTIL_IT_IS_THERE)
    def described(self) -> tuple[bytes, bytes | None]:
        """The digest of its model, and the job that it is at."""
        return self._learner.model_digest, self._running

    @ray.method(concurrency_group="control", max_task_retries=3)
    def has_adapter(self, sha256: bytes, seal: bytes) -> bool:
        return self._learner.has_adapter(PromptAdapter(sha256, seal))

    @ray.method(concurrency_group="control", max_task_retries=3)
    def forget_adapters(self, digests: list[bytes]) -> int:
        return self._learner.forget_adapters(digests)

    @ray.method(concurrency_group="control")
    def figures(self) -> dict[str, Any]:
        return {"incarnation": self._incarnation, "in_flight": int(self._running is not None)}

    @ray.method(concurrency_group="control")
    def close(self) -> None:
        self._learner.close()

    def _distilled(self, job_id: bytes, box: bytes, key: bytes) -> tuple[Became, dict[str, Any]]:
        made = self._learner.distil(open_job(box, key), _progress(job_id))
        became = Became.LEARNT if made.evaluation.passed else Became.REJECTED
        return became, plain_adapter(made)

    def _probed(
        self, box: bytes, key: bytes, adapter: PromptAdapter
    ) -> tuple[Became, dict[str, Any]]:
        return Became.PROBED, seal_probes(self._learner.probe(adapter, open_job(box, key)), key)


def _progress(job_id: bytes) -> Progress:
    """Tells the queue, now and then."""
    queue: Any = ray.get_actor(QUEUE)
    told = 0.0

    def tell(done: int, total: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told > TELL_SECONDS or done == total:
            queue.advance.remote(job_id, done, total)
            told = now

    return tell
