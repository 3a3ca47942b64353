"""Answering from memories: what is stored of their KV cache is leased, what is missing is computed."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import chain

from torch import Tensor

from memos.activation.chain import chain_keys
from memos.activation.pool.port import SegmentPool
from memos.activation.request_cache import RequestCache
from memos.activation.segment import Segment
from memos.activation.transformers_model import CausalModel
from memos.kernel.errors import InvalidInput


@dataclass(frozen=True, slots=True)
class Prompt:
    """Memories in canonical order, and what is asked of them.

    Attributes:
        tenant: whose memories they are: the pool counts their bytes as the tenant's.
        tenant_secret: at least 16 bytes of this tenant only; without them its segments cannot be named.
        segments: token ids of each memory, each tokenised by itself.
        queries: token ids of each query; they are answered side by side, behind the same memories.
    """

    tenant: str
    tenant_secret: bytes
    segments: Sequence[Sequence[int]]
    queries: Sequence[Sequence[int]]


@dataclass(frozen=True, slots=True)
class ReadFigures:
    """Where the memories of an answer came from.

    Attributes:
        found_tokens: read from leased segments.
        computed_tokens: of segments that were computed.
        refused_segments: leased, but not those of this chain and model: they were computed instead.
        kept_segments: computed, and kept by the pool.
        first_token_milliseconds: from the call to the first token of every query.
    """

    found_tokens: int
    computed_tokens: int
    refused_segments: int
    kept_segments: int
    first_token_milliseconds: float


@dataclass(frozen=True, slots=True)
class Answers:
    """What was generated for each query, without the token that ended it, and how.

    Attributes:
        token_ids: of each query, at most as many as were asked for.
        first_logits: (queries, vocabulary), what each first token was chosen from.
        figures: where the memories came from.
    """

    token_ids: tuple[tuple[int, ...], ...]
    first_logits: Tensor
    figures: ReadFigures


@dataclass(frozen=True, slots=True)
class Prefilled:
    """Memories that were computed ahead of a question.

    Attributes:
        keys: of the segments, root first.
        tokens, bytes: of all segments.
        computed_tokens: of those that had to be computed.
        milliseconds: what that took.
        is_kept: whether the pool keeps all of them.
    """

    keys: tuple[bytes, ...]
    tokens: int
    bytes: int
    computed_tokens: int
    milliseconds: float
    is_kept: bool


@dataclass(frozen=True, slots=True)
class _Prefix:
    segments: tuple[Segment, ...]
    found: int
    refused: int
    kept: int

    @property
    def is_kept(self) -> bool:
        """Whether the pool has all of it."""
        return self.found + self.kept == len(self.segments)


class KvReader:
    """A model with a pool of segments: answers queries on memories it need not read again.

    Args:
        model: reads memories, and answers.
        pool: of its segments.
        adapted: answers in its place, if given: the same model with adapters, which work from the query on. Its
            memories are the model's own: what was computed for one set of adapters is read with any other
            (activated LoRA, Greenewald et al. 2025, arXiv 2504.12397).

    Cached and cold answers are the same by construction: a chain's segments are computed one by one
    either way, and a key names all that they depend on. A cache longer than its prompt cannot come
    about, since only keys of the prompt's own segments are asked for and the query is in none; what
    a pool gives besides is refused, computed instead, and counted.
    """

    def __init__(
        self, model: CausalModel, pool: SegmentPool, *, adapted: CausalModel | None = None
    ) -> None:
        self._model = model
        self._answering = adapted or model
        self._pool = pool

    def answer(self, prompt: Prompt, max_new_tokens: int) -> Answers:
        """Answer greedily: the likeliest token each time, until a stop token.

        Args:
            prompt: memories and queries.
            max_new_tokens: of each query, at least 1.

        Raises:
            InvalidInput: a query or segment is empty, the secret is too short, no token is asked for, or
                the model was made for fewer tokens.
        """
        if max_new_tokens < 1:
            raise InvalidInput(f"{max_new_tokens} new tokens are no answer: ask for at least 1")
        self._model.check_length(sum(map(len, prompt.segments)), prompt.queries, max_new_tokens - 1)
        started = time.perf_counter()
        with self._prefix(prompt) as prefix:
            cache, logits = self._started(prefix, prompt, max_new_tokens)
            generated = self._generated(cache, logits.argmax(-1), max_new_tokens)
            columns = [next(generated)]
            milliseconds = (time.perf_counter() - started) * 1e3
            columns.extend(generated)
        told = tuple(map(self._until_stop, zip(*columns, strict=True)))
        return Answers(told, logits, _figures(prompt, prefix, milliseconds))

    def stream(self, prompt: Prompt, max_new_tokens: int) -> Generator[int, None, ReadFigures]:
        """Answer one query greedily, token by token, as `answer` does. Closed early, it lets the segments
        go.

        Args:
            prompt: memories and one query.
            max_new_tokens: at least 1.

        Yields:
            Token ids, without the one that ends the answer.

        Returns:
            Where the memories came from.

        Raises:
            InvalidInput: as `answer`, or there are several queries.
        """
        if max_new_tokens < 1 or len(prompt.queries) != 1:
            raise InvalidInput("an answer is streamed to one query, and has at least 1 token")
        self._model.check_length(sum(map(len, prompt.segments)), prompt.queries, max_new_tokens - 1)
        started = time.perf_counter()
        with self._prefix(prompt) as prefix:
            cache, logits = self._started(prefix, prompt, max_new_tokens)
            generated = self._generated(cache, logits.argmax(-1), max_new_tokens)
            first = next(generated)
            milliseconds = (time.perf_counter() - started) * 1e3
            for (token,) in chain([first], generated):
                if token in self._model.stop_tokens:
                    break
                yield token
        return _figures(prompt, prefix, milliseconds)

    def logits(self, prompt: Prompt) -> Tensor:
        """The logits (queries, longest, vocabulary) of every token of a prompt's queries; behind a query's own
        they mean nothing.

        Raises:
            InvalidInput: as `answer`.
        """
        with self._prefix(prompt) as prefix:
            return self._answering.read(prefix.segments, prompt.queries)

    def prefill(self, prompt: Prompt) -> Prefilled:
        """Compute the memories of a prompt that the pool does not have. The prompt's queries are not read.

        Raises:
            InvalidInput: there is no segment, or one is empty; the secret is too short; the model was made for
                fewer tokens.
        """
        tokens = sum(map(len, prompt.segments))
        self._model.check_length(tokens, [[0]], 0)
        started = time.perf_counter()
        with self._prefix(prompt) as prefix:
            return Prefilled(
                keys=tuple(segment.key for segment in prefix.segments),
                tokens=tokens,
                bytes=sum(segment.bytes for segment in prefix.segments),
                computed_tokens=sum(map(len, prompt.segments[prefix.found :])),
                milliseconds=(time.perf_counter() - started) * 1e3,
                is_kept=prefix.is_kept,
            )

    @contextmanager
    def _prefix(self, prompt: Prompt) -> Iterator[_Prefix]:
        """The segments of the prompt's memories, leased for as long as they are read."""
        keys = chain_keys(prompt.segments, self._model.identity, prompt.tenant_secret)
        lease = self._pool.lease(prompt.tenant, keys)
        try:
            segments = self._fitting(lease.segments, keys, prompt.segments)
            found, refused = len(segments), len(lease.segments) - len(segments)
            kept = 0
            for key, ids in zip(keys[found:], prompt.segments[found:], strict=True):
                segment, milliseconds = self._model.compute_segment(ids, segments, key)
                segments.append(segment)
                kept += self._pool.offer(prompt.tenant, segment, milliseconds)
            yield _Prefix(tuple(segments), found, refused, kept)
        finally:
            lease.release()

    def _fitting(
        self,
        leased: Sequence[Segment],
        keys: Sequence[bytes],
        texts: Sequence[Sequence[int]],
    ) -> list[Segment]:
        """Of what was leased the longest part that is of this chain, of this model, and here."""
        fitting: list[Segment] = []
        start, parent = 0, b""
        for segment, key, ids in zip(leased, keys, texts, strict=False):
            named = (segment.key, segment.parent, segment.start)
            if named != (key, parent, start) or segment.tokens != len(ids):
                break
            if not self._model.shape.fits(segment.keys_values):
                break
            fitting.append(segment)
            start, parent = start + len(ids), key
        return fitting

    def _started(
        self, prefix: _Prefix, prompt: Prompt, max_new_tokens: int
    ) -> tuple[RequestCache, Tensor]:
        return self._answering.start(prefix.segments, prompt.queries, max_new_tokens - 1)

    def _generated(self, cache: RequestCache, newest: Tensor, most: int) -> Iterator[list[int]]:
        """The next token of each query, time and again, until each has come to a stop token."""
        ended: set[int] = set()
        for left in reversed(range(most)):
            column = newest.tolist()
            yield column
            ended.update(
                row for row, token in enumerate(column) if token in self._model.stop_tokens
            )
            if not left or len(ended) == len(column):
                return
            newest = self._answering.step(cache, newest).argmax(-1)

    def _until_stop(self, row: Sequence[int]) -> tuple[int, ...]:
        stops = self._model.stop_tokens
        ends = (number for number, token in enumerate(row) if token in stops)
        return tuple(row[: next(ends, len(row))])


def _figures(prompt: Prompt, prefix: _Prefix, milliseconds: float) -> ReadFigures:
    lengths = [len(ids) for ids in prompt.segments]
    return ReadFigures(
        found_tokens=sum(lengths[: prefix.found]),
        computed_tokens=sum(lengths[prefix.found :]),
        refused_segments=prefix.refused,
        kept_segments=prefix.kept,
        first_token_milliseconds=milliseconds,
    )
