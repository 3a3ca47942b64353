"""The memories of a question, put where prompt caches can keep them: the messages of a turn begin with
those of the turn before, to the byte.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from typing import Any

from memos.interface.async_memory import AsyncMemory
from memos.interface.http.caller import Caller
from memos.interface.http.proxy.conversations import Conversations, KeptTurn
from memos.interface.http.proxy.memory_headers import MemoryHeaders
from memos.interface.http.proxy.messages import ChatMessages, JsonObject
from memos.operation.chat.dialogue import FoundMemories
from memos.operation.reads.context_block import Citation
from memos.operation.reads.stable_context import StableContext

CONSIDERED = 10
"""Memories for each question. Elsewhere it is 30: each costs the first token half a millisecond."""

NO_MORE = 1
"""Tokens, in which no memory fits: a turn that only looks whether what stands there may stay."""


@dataclass(frozen=True, slots=True)
class Composed:
    """Messages to send on.

    Attributes:
        messages: with memories.
        used: the memories in them, those found for the question first.
    """

    messages: Sequence[JsonObject]
    used: tuple[Citation, ...]


async def composed(
    caller: Caller, asked: MemoryHeaders, messages: ChatMessages, conversations: Conversations
) -> Composed:
    """Messages with the memories that fit their question, and those of the questions before it.

    Raises:
        MemosError: they cannot be had.
    """
    before, here = messages.digests(_owner(caller, asked))
    taken = conversations.get(here)
    if taken is not None:  # the question was asked before: again, or for a tool has answered since
        context = await _turn(caller.memory, asked, taken.state, messages.query, budget=NO_MORE)
        if not context.changed:
            return _put(messages, context, taken)
    earlier = taken or conversations.get(before)
    state = None if earlier is None else earlier.state
    context = await _turn(caller.memory, asked, state, messages.query, budget=asked.budget_tokens)
    stays = earlier is not None and not context.changed
    found = dict(earlier.found) if earlier is not None and stays else {}
    if (new := FoundMemories.of(context.delta)) is not None:
        found[messages.question] = new
    turn = KeptTurn(context.state, found)
    conversations.keep(here, turn)
    return _put(messages, context, turn)


async def _turn(
    memory: AsyncMemory, asked: MemoryHeaders, state: str | None, query: str, *, budget: int
) -> StableContext:
    options: dict[str, Any] = {
        "scope": asked.scopes,
        "state": state,
        "budget_tokens": budget,
        "k": CONSIDERED,
    }
    if budget != asked.budget_tokens:
        options |= {
            "pinned_tokens": 2 * asked.budget_tokens,
            "history_tokens": 8 * asked.budget_tokens,
        }
    session = await memory.context_session(**options)
    return await session.turn(query)


def _put(messages: ChatMessages, context: StableContext, turn: KeptTurn) -> Composed:
    texts = {place: found.text for place, found in turn.found.items()}
    earlier = dict(turn.found)
    new = earlier.pop(messages.question, None)
    blocks = [() if new is None else new.cites, context.pinned.citations]
    blocks += [earlier[place].cites for place in sorted(earlier, reverse=True)]
    used: dict[str, Citation] = {}
    for cite in chain.from_iterable(blocks):
        used.setdefault(cite.cube_id, cite)
    return Composed(messages.with_memories(context.pinned.text, texts), tuple(used.values()))


def _owner(caller: Caller, asked: MemoryHeaders) -> bytes:
    """Whose histories are told apart, and for what."""
    said = (caller.identity.hex(), asked.scopes, asked.session, asked.budget_tokens)
    return sha256(repr(said).encode("utf-8")).digest()
