"""Letta's agent files (`.af`): agents with their memory blocks and messages.

Both forms are read: the one with several agents, and the older one that is a single agent. The ids in
the newer one count within the file, so that they are none by which anything is known again.
"""

from __future__ import annotations

import json
import re
from typing import Any

from memos.infrastructure.transfer.importers.content import (
    Call,
    Piece,
    ToolAnswer,
    answer_text,
    content_of,
    read_content,
)
from memos.infrastructure.transfer.importers.document import Document
from memos.infrastructure.transfer.importers.fields import Fields, Reading
from memos.infrastructure.transfer.importers.item import Item, listing, mapping, present
from memos.infrastructure.transfer.importers.messages import role_of, tool_calls
from memos.infrastructure.transfer.importers.turns import ImportedConversation, segment

_COUNTED = re.compile(r"[a-z_]+-\d+")
_SPOKEN = "send_message"
"""The tool by which an agent speaks: its argument is what it says, its words beside are thoughts."""


def read(document: Document, reading: Reading) -> list[Item]:
    """Read agents, each in a scope of its own named as it is: blocks, then messages."""
    top = mapping(document.value, "the file")
    if "agents" not in top:
        return _agent(reading, top, "the agent", {})
    with reading.fields(top, "the file", "file") as file:
        file.take("created_at", "revision_id")
        blocks: dict[str, Any] = {}
        for given in file.list("blocks"):
            if isinstance(given, dict):
                blocks[str(given.get("id"))] = given
        items: list[Item] = []
        for number, given in enumerate(file.list("agents"), 1):
            items += _agent(reading, mapping(given, f"agent {number}"), f"agent {number}", blocks)
    return items


def _agent(reading: Reading, given: Any, where: str, blocks: dict[str, Any]) -> list[Item]:
    with reading.fields(given, where, "agent") as agent:
        own = agent.text("id")
        name = agent.text("name") or own or "agent"
        agent.take("in_context_message_ids", "in_context_message_indices", "agent_type")
        agent.take("created_at", "updated_at", "version")
        held = [
            *agent.list("core_memory"),
            *(
                blocks[str(block_id)]
                for block_id in agent.list("block_ids")
                if str(block_id) in blocks
            ),
        ]
        told = {"agent": name}
        items: list[Item] = []
        for number, block in enumerate(held, 1):
            with (
                reading.gathering(),
                reading.fields(block, f"{where}, block {number}", "block") as of,
            ):
                items += _block(of, name, told)
        conversation = ImportedConversation(reading, name, scope=segment(name), metadata=told)
        messages = listing(agent.take("messages") or [], f"{where}: its messages")
        spoken: set[str] = set()
        for number, message in enumerate(messages, 1):
            place = f"{where}, message {number}"
            with reading.gathering(), reading.fields(message, place, "message") as fields:
                _message(conversation, fields, spoken)
    return [*items, *conversation.items]


def _block(block: Fields, agent: str, told: dict[str, str]) -> list[Item]:
    """A block of the core memory: no turn, known by its label."""
    label, value = block.needed("label"), block.text("value")
    block.take("id", "limit", "created_at", "updated_at")
    metadata = {
        **block.object("metadata"),
        **told,
        **present(label=label, description=block.text("description") or None),
    }
    if not value.strip():
        block.reading.skipped.append(f"{block.where}: {label!r} is empty")
        return []
    fields = {"text": value, "metadata": metadata}
    name = f"block/{label}"
    return [Item(block.where, f"{segment(agent)}/{name}", fields, segment(agent), id=name)]


def _message(conversation: ImportedConversation, message: Fields, spoken: set[str]) -> None:
    reading, place = message.reading, message.where
    own, at = message.text("id"), message.time("created_at")
    own = "" if _COUNTED.fullmatch(own) else own
    message.take("type", "updated_at", "agent_id", "in_context")
    model = message.text("model")
    if message.take("role") in ("approval", "summary"):
        reading.not_kept[f"{message.take('role')} message"] += 1
        message.drop()
        return
    role = role_of(message)
    content = read_content(reading, message.take("content"), place)
    calls = tool_calls(message)
    pieces: list[Piece] = []
    if role == "tool":
        pieces = _answers(message, content.words, spoken)
    else:
        for piece in [*content.pieces, *calls]:
            pieces += _unpacked(reading, piece, role, spoken)
    if any(call.name == _SPOKEN for call in calls):
        thoughts = [piece for piece in content.pieces if isinstance(piece, str)]
        reading.not_kept.update(["inner thought"] * len(thoughts))
        pieces = [piece for piece in pieces if piece not in thoughts]
    if pieces or not content.pieces:
        conversation.take(
            place,
            role,
            content_of(pieces, content.parts),
            id=own,
            speaker=message.text("name") if role == "user" else "",
            at=at,
            metadata=present(model=model or None),
        )
    message.take("name")


def _answers(message: Fields, text: str, spoken: set[str]) -> list[Piece]:
    """What tools gave; that the agent was heard is nothing."""
    call_id = message.text("tool_call_id")
    returns = message.list("tool_returns")
    answers: list[Piece] = [ToolAnswer(_inner_message(text), call_id)] if text else []
    for number, given in enumerate(returns if not text else [], 1):
        with message.reading.fields(given, f"{message.where}, return {number}", "return") as one:
            one.take("status", "stdout", "stderr")
            output = answer_text(message.reading, one.take("func_response", "content"), one.where)
            answers.append(ToolAnswer(_inner_message(output), one.text("tool_call_id") or call_id))
    heard = [one for one in answers if isinstance(one, ToolAnswer) and one.tool_id in spoken]
    message.reading.not_kept.update(["answer to send_message"] * len(heard))
    return [one for one in answers if one not in heard]


def _unpacked(reading: Reading, piece: Piece, role: str, spoken: set[str]) -> list[Piece]:
    """A piece as it was said: user messages are wrapped in JSON, and the agent speaks by a tool."""
    if isinstance(piece, Call) and piece.name == _SPOKEN:
        spoken.add(piece.tool_id)
        said = _object(piece.arguments).get("message")
        return [said] if isinstance(said, str) else [piece]
    if isinstance(piece, str) and role == "user":
        wrapped = _object(piece)
        kind = wrapped.get("type")
        if kind == "user_message" and isinstance(wrapped.get("message"), str):
            return [wrapped["message"]]
        if kind in ("login", "heartbeat", "system_alert"):
            reading.not_kept[f"{kind} message"] += 1
            return []
    return [piece]


def _inner_message(text: str) -> str:
    """What a tool gave, out of the JSON that it is wrapped in."""
    wrapped = _object(text)
    inner = wrapped.get("message")
    return inner if "status" in wrapped and isinstance(inner, str) else text


def _object(text: str) -> dict[str, Any]:
    if not text.lstrip().startswith("{"):
        return {}
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
