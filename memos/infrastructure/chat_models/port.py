"""What a model that answers has to do: read a prompt, and give its answer piece by piece."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Literal, NamedTuple, Protocol, runtime_checkable

Form = Literal["plaintext", "activation"]
"""How pinned memories came to the model: as text that it read, or as KV cache computed before."""


@dataclass(frozen=True, slots=True)
class PromptMemory:
    """A memory of the pinned block, at the version at which it was just selected.

    Attributes:
        cube_id, version: which it is.
        text: its line, with the line's end.
        seal: a secret that ends with the memory's key; empty where what is computed of the memory may not be
            written to a disk. What a model writes there must not open without the seals of all memories that
            it was computed from.
    """

    cube_id: str
    version: int
    text: str
    seal: bytes = field(default=b"", repr=False)


@dataclass(frozen=True, slots=True)
class PromptAdapter:
    """An adapter that is to answer.

    Attributes:
        sha256: of its tensors' file (32 bytes).
        seal: a secret that ends with the key of any memory that the adapter was made with.
    """

    sha256: bytes
    seal: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class ChatMessage:
    """What was said in a conversation."""

    role: Literal["user", "assistant"]
    content: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatPrompt:
    """What a model is asked. What changes least stands first, so that a cache of prefixes serves most of it.

    Attributes:
        owner: whose memories they are, a vault's tenant: no cache may be shared between two.
        opening: what stands in front of the pinned memories: instructions, and the head of their block.
        pinned: the pinned memories, in an order that stays from turn to turn.
        closing: what stands behind them; empty where there are none.
        messages: history and question, in turn; memories found for a question stand in front of it.
        max_tokens: how many tokens the answer may have.
        adapters: that answer together; for a model that has them.
    """

    owner: str
    opening: str
    pinned: tuple[PromptMemory, ...]
    closing: str
    messages: tuple[ChatMessage, ...]
    max_tokens: int
    adapters: tuple[PromptAdapter, ...] = ()

    @property
    def system(self) -> str:
        """All that stands in front of the messages, as one text."""
        return "".join([self.opening, *(memory.text for memory in self.pinned), self.closing])


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenUsage:
    """What an answer took; None where the model does not tell.

    Attributes:
        prompt_tokens: how many tokens the prompt had.
        cached_tokens: how many of them came from a cache.
        answer_tokens: how many the answer has.
        finish: why it ended: `stop`, or `length` where `max_tokens` cut it off.
        form: how the pinned memories came to the model.
    """

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    answer_tokens: int | None = None
    finish: str | None = None
    form: Form = "plaintext"


@runtime_checkable
class ChatModel(Protocol):
    """A model that answers. Safe for threads, or guarded by whoever makes it."""

    @property
    def name(self) -> str:
        """What to call it, in errors and figures."""
        ...

    def stream(self, prompt: ChatPrompt) -> Iterator[str | TokenUsage]:
        """The answer in pieces, as they come; and last, where the model tells it, what it took. Closing
        the iterator, where it is a generator, ends the answer early.

        Raises:
            ModelUnavailable: the model cannot be asked, or failed.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class CachedPrefix:
    """What a model keeps as KV cache of all that stands in front of a prompt's messages.

    Attributes:
        keys: of each memory's segment, in their order (32 bytes each): it depends on all that stands before it.
        model_digest: of all that the numbers depend on beside the tokens (32 bytes).
        tokens, bytes: what it holds, and takes in memory.
        computed_tokens: how many of the tokens had to be computed.
        milliseconds: what that took.
        tier: the slowest place that keeps it, which is what it is read from after a restart.
    """

    keys: tuple[bytes, ...]
    model_digest: bytes
    tokens: int
    bytes: int
    computed_tokens: int
    milliseconds: float
    tier: str


class PrefillCosts(NamedTuple):
    """What a token of a memory costs as KV cache."""

    bytes_per_token: int
    milliseconds_per_token: float


@runtime_checkable
class CachingModel(ChatModel, Protocol):
    """A model that keeps what it computed of pinned memories, and can compute it ahead of a question."""

    def prefill(self, prompt: ChatPrompt) -> CachedPrefix:
        """Compute what stands in front of a prompt's messages, and keep it until others need its
        room, or it is evicted.

        Raises:
            ModelUnavailable: the model cannot be asked, or there is no room for it.
        """
        ...

    def prefill_costs(self) -> PrefillCosts:
        """What `prefill` takes for a token, about.

        Raises:
            ModelUnavailable: the model cannot be asked.
        """
        ...

    def count_tokens(self, text: str) -> int:
        """How many tokens a text has for the model, about; at once, whatever the model does."""
        ...

    def evict(
        self, owner: str, cube_ids: Collection[str] = (), keys: Collection[bytes] = ()
    ) -> int:
        """Take what was computed of an owner's memories, and all behind it, out of every tier; how many
        segments those were. Whoever is reading one at this moment reads it to the end.

        Args:
            owner: whose it is.
            cube_ids: memories that this process has been asked of.
            keys: those that `prefill` gave, in any process.
        """
        ...
