"""A local model with its pool, asked by several: each request has an id, and may come again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from threading import Event, Lock

from memos.activation.chat_model import LocalModel
from memos.activation.serving.finished_answers import FinishedAnswers
from memos.activation.serving.saver import Saver
from memos.infrastructure.chat_models.adapter_files import AdapterFiles
from memos.infrastructure.chat_models.port import (
    CachedPrefix,
    ChatPrompt,
    PrefillCosts,
    PromptAdapter,
    TokenUsage,
)


@dataclass(frozen=True, slots=True)
class ServerFigures:
    """What a server has done since its start, and what its pool holds.

    Attributes:
        in_flight: requests that are being answered.
        answers: requests that were answered by computing.
        repeated: requests that were answered from memory, for they came again.
        stopped: answers that were ended early.
        failed: requests that ended in an error, by its name.
        hits: segments that were read instead of computed, by the tier that they came from.
        misses: segments that were asked for and had to be computed.
        refused: segments that the pool did not take, by reason.
        evictions: segments that a tier let go to make room.
        withdrawn: segments that were taken out on demand.
        bytes: what is stored, by tier.
        saved_milliseconds: what computing the hits took once, less what loading them took.
        lost_files: files that were damaged, closed by an erase, or could not be written, by which.
    """

    in_flight: int
    answers: int
    repeated: int
    stopped: int
    failed: dict[str, int]
    hits: dict[str, int]
    misses: int
    refused: dict[str, int]
    evictions: dict[str, int]
    withdrawn: int
    bytes: dict[str, int]
    saved_milliseconds: float
    lost_files: dict[str, int]


class PoolServer:
    """Owns a model. Safe for threads.

    A request that comes again while its answer is known is told it without computing; one whose answer
    is not known any more, or not whole yet, is computed again: greedy answers are the same.
    """

    def __init__(self, model: LocalModel) -> None:
        self._model = model
        self._finished = FinishedAnswers()
        self._saver = Saver(model.save)
        self._running: list[tuple[str, Event]] = []
        self._counts: Counter[str] = Counter()
        self._failed: Counter[str] = Counter()
        self._lock = Lock()

    def answer(
        self, request_id: str, prompt: ChatPrompt
    ) -> Generator[str | TokenUsage, None, None]:
        """The answer in pieces, and last what it took; shorter where it is stopped.

        Args:
            request_id: of the prompt's owner, who gives each prompt its own.
            prompt: what is asked.

        Raises:
            InvalidInput: the id was another prompt's, or the prompt is longer than the model takes.
        """
        with self._counted(request_id) as stopped:
            finished = self._finished.find(request_id, prompt)
            if finished is not None:
                self._count("repeated")
                yield from finished
                return
            begun = self._finished.forgotten
            pieces: list[str | TokenUsage] = []
            with closing(self._model.stream(prompt)) as stream:
                for piece in stream:
                    if stopped.is_set():
                        self._count("stopped")
                        return
                    pieces.append(piece)
                    yield piece
            self._finished.keep(request_id, prompt, pieces, begun)
            self._count("answers")
        self._saver.ask()

    def stop(self, request_id: str) -> None:
        """End the answers to a request before their next piece."""
        with self._lock:
            stopped = [event for running, event in self._running if running == request_id]
        for event in stopped:
            event.set()

    def prefill(self, prompt: ChatPrompt) -> CachedPrefix:
        """See `CachingModel.prefill`."""
        return self._model.prefill(prompt)

    def prefill_costs(self) -> PrefillCosts:
        """See `CachingModel.prefill_costs`."""
        return self._model.prefill_costs()

    def evict(
        self, owner: str, cube_ids: Collection[str] = (), keys: Collection[bytes] = ()
    ) -> int:
        """See `CachingModel.evict`; answers that may be made of them are forgotten too."""
        self._finished.forget(owner)
        return self._model.evict(owner, cube_ids, keys)

    def evict_owner(self, owner: str) -> int:
        """Take out all that was computed of an owner's memories; how many segments those were."""
        self._finished.forget(owner)
        return self._model.evict_owner(owner)

    @property
    def model_digest(self) -> bytes:
        """See `AdapterServingModel.model_digest`."""
        return self._model.model_digest

    def has_adapter(self, adapter: PromptAdapter) -> bool:
        """See `AdapterServingModel.has_adapter`."""
        return self._model.has_adapter(adapter)

    def forget_adapters(self, digests: Collection[bytes]) -> int:
        """See `AdapterServingModel.forget_adapters`; answers that may be made with them are forgotten too."""
        forgotten = self._model.forget_adapters(digests)
        self._finished.forget_all()
        return forgotten

    def adapter_files(self, adapter: PromptAdapter) -> AdapterFiles:
        """See `LocalModel.adapter_files`."""
        return self._model.adapter_files(adapter)

    def figures(self) -> ServerFigures:
        """What it has done, and what it holds."""
        pool = self._model.figures()
        with self._lock:
            return ServerFigures(
                in_flight=len(self._running),
                answers=self._counts["answers"],
                repeated=self._counts["repeated"],
                stopped=self._counts["stopped"],
                failed=dict(self._failed),
                hits=dict(pool.hits),
                misses=pool.misses,
                refused=dict(pool.refused),
                evictions=dict(pool.evictions),
                withdrawn=pool.withdrawn,
                bytes={tier: sum(of.values()) for tier, of in pool.bytes.items()},
                saved_milliseconds=pool.saved_milliseconds,
                lost_files={
                    "damaged": pool.damaged_files,
                    "closed": pool.closed_files,
                    "unwritten": pool.unwritten_files,
                },
            )

    def close(self) -> None:
        """Write what would be lost. It answers no more."""
        self._saver.close()
        self._model.close()

    @contextmanager
    def _counted(self, request_id: str) -> Iterator[Event]:
        running = (request_id, Event())
        with self._lock:
            self._running.append(running)
        try:
            yield running[1]
        except Exception as error:
            with self._lock:
                self._failed[type(error).__name__] += 1
            raise
        finally:
            with self._lock:
                self._running.remove(running)

    def _count(self, what: str) -> None:
        with self._lock:
            self._counts[what] += 1
