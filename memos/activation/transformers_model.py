"""A causal language model of transformers that reads memories from segments.

With `gguf` the only module that touches transformers. Neither its caches nor its masks are used: a model's attention
is replaced by `attention`, which gets the request's cache through the model's forward. So what changes
with transformers' minor versions is not depended on.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import torch
import transformers
from torch import Tensor
from transformers import AttentionInterface, AutoModelForCausalLM, PreTrainedModel
from transformers.utils import logging

from memos.activation import attention
from memos.activation.attention import SegmentAttention, attention_forward
from memos.activation.eligible import check_eligible
from memos.activation.errors import ModelRefused
from memos.activation.identity import (
    ModelIdentity,
    digest_of_configuration,
    digest_of_weights,
)
from memos.activation.kernels import kernel_for
from memos.activation.request_cache import CacheShape, RequestCache
from memos.activation.segment import Computed, Segment
from memos.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from memos.activation.adapters import Adapter
    from memos.activation.trainee import Trainee

_LIBRARIES = f"torch {torch.__version__}, transformers {transformers.__version__}"

AttentionInterface.register(attention.NAME, attention_forward)


class CausalModel:
    """A causal language model, its identity, and its forward passes over segments.

    Every segment is computed by one forward pass of its own, whether those before it were computed or
    found: so the same chain gives the same bits either way.

    Attributes:
        identity: taken once, when the model is wrapped: its weights must not change afterwards.
        shape: of its cache.
        most_tokens: how many positions it was made for.
        vocabulary: how many tokens it knows.
        stop_tokens: the ids that end an answer.
    """

    def __init__(
        self, model: PreTrainedModel, *, tokenizer_digest: bytes = b"", template: str = ""
    ) -> None:
        """Take a model over: its attention is replaced, and nobody else should call it.

        Args:
            model: with its weights, on its device.
            tokenizer_digest: of the tokenizer that its token ids come from.
            template: the name and version of what stands around the memories.

        Raises:
            ModelRefused: its cache cannot be kept in segments.
        """
        configuration = model.config
        check_eligible(configuration, model._supports_attention_backend)
        model.set_attn_implementation(attention.NAME)
        self._model = model.train(False)
        heads = configuration.num_attention_heads
        head_dim = getattr(configuration, "head_dim", None) or configuration.hidden_size // heads
        kv_heads = getattr(configuration, "num_key_value_heads", None) or heads
        self.shape = CacheShape(
            configuration.num_hidden_layers, kv_heads, head_dim, model.dtype, model.device
        )
        self._kernel = kernel_for(model.device, model.dtype, head_dim)
        self.most_tokens: int = configuration.max_position_embeddings
        self.stop_tokens = _stop_tokens(model)
        embeddings = cast(torch.nn.Embedding, model.get_input_embeddings())
        self.vocabulary = embeddings.num_embeddings
        self._check_layers()
        self.identity = ModelIdentity(
            weights=digest_of_weights(model.state_dict()),
            configuration=digest_of_configuration(configuration.to_dict()),
            tokenizer=tokenizer_digest,
            dtype=str(model.dtype),
            attention=f"{attention.VERSION} {self._kernel.name}",
            template=template,
            libraries=_LIBRARIES,
        )

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        dtype: torch.dtype = torch.float32,
        device: str = "cpu",
        tokenizer_digest: bytes = b"",
        template: str = "",
    ) -> CausalModel:
        """Load from a directory: safetensors only, nothing fetched, no code of the model's own run.

        Raises:
            ModelRefused: there are no such weights or not all, or its cache cannot be kept in segments.
        """
        if not any(directory.glob("*.safetensors")):
            raise ModelRefused(
                f"{directory} holds no weights as safetensors: convert them, since other formats can run "
                "code when they are read"
            )
        with without_progress_bars():
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                directory,
                dtype=dtype,
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
            )
        model, told = loaded
        lacking = [*told["missing_keys"], *told["mismatched_keys"]]
        if lacking:
            # They would have been filled with random numbers.
            raise ModelRefused(
                f"{directory} lacks {len(lacking)} weights of its model, {lacking[0]} first: copy it anew"
            )
        return cls(model.to(device), tokenizer_digest=tokenizer_digest, template=template)

    def with_adapters(self, adapters: Sequence[Adapter]) -> CausalModel:
        """The same model with LoRA adapters behind those that it has, and an identity of its own. It holds
        this one's weights, not a copy of them, and this one stays as it is.

        Raises:
            ModelRefused: an adapter does not fit the model.
        """
        if not adapters:
            return self
        from memos.activation.adapter_layers import adapted
        from memos.activation.adapters import LIBRARY

        there = self.identity.adapters
        named = {_adapter_name(number): each for number, each in enumerate(adapters, len(there))}
        model = copy.copy(self)
        model._model = adapted(self._model, named).train(False)
        model.identity = replace(
            self.identity,
            adapters=(*there, *((each.digest, each.scale) for each in adapters)),
            libraries=f"{_LIBRARIES}, {LIBRARY}",
        )
        return model

    def refitted(self, adapter: Adapter) -> CausalModel:
        """This model, which has one adapter, with another of the same shape in its place: much sooner than
        `with_adapters` makes one.
        """
        from memos.activation.adapter_layers import refitted

        model = copy.copy(self)
        model._model = refitted(self._model, _adapter_name(0), adapter)
        model.identity = replace(self.identity, adapters=((adapter.digest, adapter.scale),))
        return model

    @contextmanager
    def by_row(self, numbers: Sequence[int | None]) -> Iterator[None]:
        """Let each row of a batch be read with one of the model's adapters, by its number, or with none. All
        passes meanwhile are over so many rows, and the caller's alone; segments are not read with them, for what
        was computed of one row is of no other.
        """
        from memos.activation.adapter_layers import by_row

        names = [None if number is None else _adapter_name(number) for number in numbers]
        with by_row(self._model, names):
            yield

    def trainee(self, *, rank: int, alpha: float, seed: int) -> Trainee:
        """A copy of it that learns an adapter of this rank. It shares the weights, and this one stays as it is.

        Raises:
            ModelRefused: it has no MLP that an adapter could change.
        """
        from memos.activation.trainee import Trainee

        return Trainee(self._model, rank=rank, alpha=alpha, seed=seed)

    @torch.no_grad()
    def compute_segment(
        self, ids: Sequence[int], prefix: Sequence[Segment], key: bytes
    ) -> Computed:
        """Compute the segment of these tokens behind a prefix, in one forward pass.

        Raises:
            InvalidInput: there is no token, or the model was made for fewer.
        """
        self.check_length(_tokens(prefix), [ids], 0)
        started = time.perf_counter()
        cache = RequestCache(self.shape, prefix, 1, len(ids))
        self._base(cache, self._ids([ids]))
        keys_values = cache.tail.squeeze(2)
        self._wait()
        milliseconds = (time.perf_counter() - started) * 1e3
        parent = prefix[-1].key if prefix else b""
        return Computed(Segment(key, parent, cache.prefix_tokens, keys_values), milliseconds)

    @torch.no_grad()
    def start(
        self, prefix: Sequence[Segment], queries: Sequence[Sequence[int]], new_tokens: int = 0
    ) -> tuple[RequestCache, Tensor]:
        """Read queries behind one prefix, which is read where it lies, once for all.

        Args:
            prefix: the segments of a chain, root first.
            queries: token ids of each; they may be of different lengths.
            new_tokens: how many tokens `step` may add to each.

        Returns:
            The request's cache, and the logits (queries, vocabulary) of each one's last token.

        Raises:
            InvalidInput: a query is empty, or the model was made for fewer tokens.
        """
        longest = self.check_length(_tokens(prefix), queries, new_tokens)
        cache = RequestCache(self.shape, prefix, len(queries), longest + new_tokens)
        logits = self._logits(cache, self._ids(queries), [len(query) - 1 for query in queries])
        cache.filled = torch.tensor([len(query) for query in queries], device=self.shape.device)
        return cache, logits

    @torch.no_grad()
    def read(self, prefix: Sequence[Segment], queries: Sequence[Sequence[int]]) -> Tensor:
        """Read queries behind one prefix, as `start` does.

        Returns:
            The logits (queries, longest, vocabulary) of every token; behind a query's own they mean nothing.

        Raises:
            InvalidInput: a query is empty, or the model was made for fewer tokens.
        """
        longest = self.check_length(_tokens(prefix), queries, 0)
        cache = RequestCache(self.shape, prefix, len(queries), longest)
        ids = self._ids(queries)
        return cast(Tensor, self._model(ids, **self._arguments(cache, ids)).logits)

    @torch.no_grad()
    def step(self, cache: RequestCache, ids: Tensor) -> Tensor:
        """Read one more token (rows,) of each query; the logits (rows, vocabulary) behind it."""
        assert cache.filled is not None  # noqa: S101 # a cache comes from `start`
        logits = self._logits(cache, ids[:, None], [0])
        cache.filled = cache.filled + 1
        return logits

    def check_length(
        self, prefix_tokens: int, queries: Sequence[Sequence[int]], new_tokens: int
    ) -> int:
        """How many tokens the longest query has.

        Raises:
            InvalidInput: a query is empty, or prefix, query and answer are more than the model takes.
        """
        if not queries or not all(queries):
            raise InvalidInput(
                "a query or segment without a token cannot be read: give at least one"
            )
        longest = max(map(len, queries))
        tokens = prefix_tokens + longest + new_tokens
        if tokens > self.most_tokens:
            raise InvalidInput(
                f"the prompt and its answer take {tokens:,} tokens, and the model was made for "
                f"{self.most_tokens:,}: give fewer memories, or ask for a shorter answer"
            )
        return longest

    def _ids(self, rows: Sequence[Sequence[int]]) -> Tensor:
        """(rows, longest), padded behind: with causal attention no token sees what stands after it."""
        outside = {token for row in rows for token in row if not 0 <= token < self.vocabulary}
        if outside:
            raise InvalidInput(
                f"{min(outside)} is no token of this model, which has {self.vocabulary:,}: tokenise with "
                "its own tokenizer"
            )
        longest = max(map(len, rows))
        padded = [[*row, *[0] * (longest - len(row))] for row in rows]
        return torch.tensor(padded, dtype=torch.int64, device=self.shape.device)

    def _base(self, cache: RequestCache, ids: Tensor) -> None:
        self._model.base_model(ids, **self._arguments(cache, ids))

    def _logits(self, cache: RequestCache, ids: Tensor, last: Sequence[int]) -> Tensor:
        """The logits at the position `last` of each row; no others are computed but those of its column."""
        columns = sorted(set(last))
        kept = torch.tensor(columns, device=ids.device)
        out = self._model(ids, logits_to_keep=kept, **self._arguments(cache, ids))
        rows = torch.arange(len(ids), device=ids.device)
        chosen = torch.tensor([columns.index(each) for each in last], device=ids.device)
        return cast(Tensor, out.logits)[rows, chosen]

    def _arguments(self, cache: RequestCache, ids: Tensor) -> dict[str, object]:
        places = torch.arange(ids.shape[1], device=ids.device)[None] + cache.prefix_tokens
        if cache.filled is not None:
            places = places + cache.filled[:, None]
        return {
            "position_ids": places.expand(len(ids), -1),
            "use_cache": False,
            "segment_attention": SegmentAttention(self._kernel, cache),
        }

    def _check_layers(self) -> None:
        """Whether a forward pass writes every layer's keys and values, once."""
        cache = RequestCache(self.shape, (), 1, 1)
        with torch.no_grad():
            self._base(cache, self._ids([[0]]))
        if cache.written != self.shape.layers:
            raise ModelRefused(
                f"a forward pass kept keys of {cache.written} layers, and the configuration names "
                f"{self.shape.layers}: this model keeps something else besides"
            )

    def _wait(self) -> None:
        if self.shape.device.type == "cuda":
            torch.cuda.synchronize(self.shape.device)


@contextmanager
def without_progress_bars() -> Iterator[None]:
    """Keep transformers from drawing on the terminal of whoever loads a model."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _adapter_name(number: int) -> str:
    return f"adapter_{number}"


def _tokens(prefix: Sequence[Segment]) -> int:
    return sum(segment.tokens for segment in prefix)


def _stop_tokens(model: PreTrainedModel) -> frozenset[int]:
    ends = model.generation_config.eos_token_id
    if ends is None:
        return frozenset()
    return frozenset([ends] if isinstance(ends, int) else ends)
