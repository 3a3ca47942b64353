"""A prompt and its answer as they travel between processes: of the builtin types only, and never a tensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from hashlib import sha256
from typing import Any

from memos.infrastructure.chat_models.port import (
    CachedPrefix,
    ChatMessage,
    ChatPrompt,
    PromptAdapter,
    PromptMemory,
    TokenUsage,
)
from memos.kernel.errors import (
    DistillationRefused,
    InvalidInput,
    MemosError,
    ModelUnavailable,
    TeacherUnavailable,
)

PlainPiece = str | dict[str, Any]
"""A piece of text, or what `plain_usage` or `plain_error` made."""

_USAGE, _ERROR = "usage", "error"
_TOLD_AS_THEY_ARE = {
    error.__name__: error
    for error in (DistillationRefused, InvalidInput, ModelUnavailable, TeacherUnavailable)
}


def plain_prompt(prompt: ChatPrompt) -> dict[str, Any]:
    """A prompt, for `prompt_of`."""
    return asdict(prompt)


def prompt_of(plain: Mapping[str, Any]) -> ChatPrompt:
    """What `plain_prompt` was given."""
    pinned = tuple(PromptMemory(**memory) for memory in plain["pinned"])
    messages = tuple(ChatMessage(**message) for message in plain["messages"])
    adapters = tuple(PromptAdapter(**adapter) for adapter in plain["adapters"])
    return ChatPrompt(**{**plain, "pinned": pinned, "messages": messages, "adapters": adapters})


def root_of(prompt: ChatPrompt) -> bytes:
    """Where a prompt's chain of segments begins, in the pool's tree of them (32 bytes): the owner, what
    stands in front of the memories, and the first of them. Prompts of one conversation have one root.
    """
    digest = sha256()
    for part in (prompt.owner, prompt.opening, *(memory.text for memory in prompt.pinned[:1])):
        encoded = part.encode("utf-8", "surrogatepass")
        digest.update(len(encoded).to_bytes(8) + encoded)
    return digest.digest()


def plain_usage(usage: TokenUsage) -> dict[str, Any]:
    """What an answer took, as its last piece."""
    return {_USAGE: asdict(usage)}


def plain_error(error: MemosError) -> dict[str, Any]:
    """Why there is no more of an answer, as its last piece."""
    return {_ERROR: [type(error).__name__, str(error)]}


def piece_of(plain: PlainPiece) -> str | TokenUsage:
    """A piece, as the model gave it.

    Raises:
        InvalidInput, ModelUnavailable: it says that there is no more of the answer, and why.
    """
    if isinstance(plain, str):
        return plain
    raise_told(plain)
    return TokenUsage(**plain[_USAGE])


def raise_told(plain: Mapping[str, Any]) -> None:
    """Raise the error that `plain_error` told, where it did: one that is not for whoever asks as
    ModelUnavailable.
    """
    if _ERROR in plain:
        name, message = plain[_ERROR]
        raise _TOLD_AS_THEY_ARE.get(name, ModelUnavailable)(message)


def plain_prefix(prefix: CachedPrefix) -> dict[str, Any]:
    """What was computed ahead, for `prefix_of`."""
    return asdict(prefix)


def prefix_of(plain: Mapping[str, Any]) -> CachedPrefix:
    """What `plain_prefix` was given.

    Raises:
        InvalidInput, ModelUnavailable: it is what `plain_error` made.
    """
    raise_told(plain)
    return CachedPrefix(**{**plain, "keys": tuple(plain["keys"])})
