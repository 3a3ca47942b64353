"""The thread in which a worker embeds behind what it indexes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable

from memos.infrastructure.engine.distributed.workers.vectors import VectorIndexer
from memos.kernel.errors import EmbeddingFailed, VaultError

log = logging.getLogger("memos.worker")

POLL_SECONDS = 0.2
LONGEST_PAUSE = 30.0


class VectorThread:
    """Runs an indexer behind a worker, over the partitions that the worker has."""

    def __init__(self, indexer: VectorIndexer, partitions: Callable[[], Iterable[int]]) -> None:
        self._indexer = indexer
        self._partitions = partitions
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memos-vectors", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    @property
    def problem(self) -> str:
        """Why nothing is embedded; empty where it is."""
        if self._thread.is_alive():
            return ""
        return "the thread that embeds has ended: see the worker's log, and start it again"

    def close(self) -> None:
        """Stop after the batch at hand."""
        self._closing.set()
        self._thread.join()

    def _run(self) -> None:
        pause = POLL_SECONDS
        while not self._closing.is_set():
            try:
                partitions = list(self._partitions())
                for partition in partitions:
                    self._indexer.try_again(partition)
                behind = self._indexer.behind(partitions)
                worked = sum(map(self._indexer.step, behind))
                if not worked:
                    self._indexer.settle()
            except (EmbeddingFailed, VaultError) as error:
                # Nothing is lost: the texts wait, are found by their words, and are tried again.
                log.warning("texts wait to be embedded: %s", error)
                worked, pause = 0, min(pause * 2, LONGEST_PAUSE)
            else:
                pause = POLL_SECONDS
            if not worked:
                self._closing.wait(pause)
