"""Asking the distillers of a Ray cluster: a job waits in their queue, and whoever asks waits for its end."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Mapping
from typing import Any

from memos.infrastructure.chat_models.adapting import (
    DistillationJob,
    DistilledAdapter,
    Probe,
)
from memos.infrastructure.chat_models.plain_distillation import (
    adapter_of,
    open_probes,
    seal_job,
)
from memos.infrastructure.chat_models.port import PromptAdapter
from memos.infrastructure.chat_models.ray_actors import Actors, Patience
from memos.infrastructure.keys.envelope import KEY_BYTES
from memos.infrastructure.progress import Progress, no_progress
from memos.kernel.errors import ModelUnavailable
from memos.kernel.keyed_digest import keyed_digest

WORKER = "distill"
QUEUE = "memos-distill-queue"
"""The name of the queue, in the namespace of its distillers."""


class Distillers(Actors):
    """The distillers of a namespace.

    Args:
        ray: connected.
        namespace: where their queue is.

    Raises:
        NotInNamespace: there is no queue.
    """

    def __init__(self, ray: Any, namespace: str) -> None:
        super().__init__(ray, namespace, WORKER)
        self._queue = self.named(QUEUE)

    @property
    def model_digest(self) -> bytes:
        """See `AdapterServingModel.model_digest`."""
        patience = Patience(f"no distiller of {self._namespace}", WORKER)
        while True:
            digest: bytes | None = self.told(self.call(self._queue.model_digest))
            patience.check(is_there=digest is not None)
            if digest is not None:
                return digest

    def distil(self, job: DistillationJob, progress: Progress) -> DistilledAdapter:
        """See `AdaptingModel.distil`."""
        job_id, key = self._names(job, b""), secrets.token_bytes(KEY_BYTES)
        request = (seal_job(job, key), key, None)
        return adapter_of(self._outcome(job_id, request, progress)[0])

    def probe(self, adapter: PromptAdapter, job: DistillationJob) -> tuple[Probe, ...]:
        """See `AdaptingModel.probe`."""
        job_id, key = self._names(job, adapter.sha256), secrets.token_bytes(KEY_BYTES)
        request = (seal_job(job, key), key, (adapter.sha256, adapter.seal))
        return open_probes(*self._outcome(job_id, request, no_progress))

    def has_adapter(self, adapter: PromptAdapter) -> bool:
        """See `AdapterServingModel.has_adapter`."""
        return bool(self.told(self.call(self._queue.has_adapter, adapter.sha256, adapter.seal)))

    def forget_adapters(self, digests: Collection[bytes]) -> int:
        """Have every distiller let go of adapters; how many of them one had.

        Raises:
            ModelUnavailable: a distiller did not answer.
        """
        forgotten = self.told(self.call(self._queue.forget_adapters, list(digests)))
        if forgotten is None:
            raise ModelUnavailable(
                "a distiller that did not answer may still keep adapters that were to be forgotten: nobody "
                "answers with them who may not read their memories"
            )
        return int(forgotten)

    def _names(self, job: DistillationJob, about: bytes) -> bytes:
        """What equal requests are known by: it tells nothing of what memories say to who has not their keys."""
        return keyed_digest(job.seal, b"distillation", job.key(self.model_digest) + about)

    def _outcome(
        self,
        job_id: bytes,
        request: tuple[bytes, bytes, tuple[bytes, bytes] | None],
        progress: Progress,
    ) -> tuple[Mapping[str, Any], bytes]:
        """What becomes of a request, and the key of its job, which another one's may be that asked before; the queue
        is told of it again where it was started again.
        """
        patience = Patience(f"no distiller of {self._namespace}", WORKER)
        news, revision = None, -1
        while True:
            if news is None:
                self.told(self.call(self._queue.submit, job_id, *request))
            news = self.told(self.call(self._queue.news, job_id, revision))
            if news is None:
                continue
            patience.check(is_there=news["distillers"] > 0)
            if news["outcome"] is not None:
                return news["outcome"], news["key"]
            if news["revision"] != revision and news["total"]:
                progress(news["done"], news["total"])
            revision = news["revision"]
