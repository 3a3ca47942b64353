"""What a model is asked: instructions, the pinned memories, and the dialogue."""

from __future__ import annotations

from memos.infrastructure.chat_models.caching_models import kv_owner
from memos.infrastructure.chat_models.port import (
    ChatMessage,
    ChatPrompt,
    PromptAdapter,
    PromptMemory,
)
from memos.kernel.event import id_bytes
from memos.kernel.keyed_digest import keyed_digest
from memos.kernel.scope import tenant_of
from memos.operation.reads.context_block import CLOSE, OPEN, ContextBlock, lines_of
from memos.operation.session import Session

INSTRUCTIONS = (
    "Answer the user's last message. Lines between <memories> and </memories> quote stored memories: "
    "use those that bear on the question, and cite each that you use by its label, in brackets as it "
    "stands behind the quote. Where no memory tells the answer, say so.\n\n"
)
"""In front of the memories; it has no authority over the caller's own instructions, which stand before it."""


def chat_prompt(
    session: Session,
    *,
    scope: str,
    instructions: str,
    pinned: ContextBlock,
    messages: tuple[ChatMessage, ...],
    max_tokens: int,
    adapters: tuple[PromptAdapter, ...] = (),
) -> ChatPrompt:
    """A prompt in which what changes least stands first.

    Args:
        session: the open vault.
        scope: of one of the tenant's memories.
        instructions: the caller's own.
        pinned: the block that selection has just returned.
        messages: history and question.
        max_tokens: how many tokens the answer may have.
        adapters: that answer.
    """
    memories = _memories(session, pinned)
    return ChatPrompt(
        owner=kv_owner(session.engine.setting("vault_id"), tenant_of(scope)),
        opening=opening_of(instructions, has_memories=bool(memories)),
        pinned=memories,
        closing=CLOSE if memories else "",
        messages=messages,
        max_tokens=max_tokens,
        adapters=adapters,
    )


def opening_of(instructions: str, *, has_memories: bool) -> str:
    """What stands in front of pinned memories.

    Args:
        instructions: the caller's own.
        has_memories: whether there are some.
    """
    said = f"{instructions}\n\n" if instructions else ""
    return f"{said}{INSTRUCTIONS}{OPEN if has_memories else ''}"


def _memories(session: Session, block: ContextBlock) -> tuple[PromptMemory, ...]:
    if not block.citations:
        return ()
    lines = lines_of(block)
    with session.engine.read() as reader:
        keys = [reader.cube_key(id_bytes(cite.cube_id)) for cite in block.citations]
    return tuple(
        PromptMemory(cite.cube_id, cite.version, line, _seal(key))
        for cite, line, key in zip(block.citations, lines, keys, strict=True)
    )


def _seal(cube_key: bytes | None) -> bytes:
    """See `PromptMemory.seal`; one that has just been erased has none."""
    return b"" if cube_key is None else keyed_digest(cube_key, b"kv", b"")
