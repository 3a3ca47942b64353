"""The tools that a host is offered: each is one call of `Memory`, told in few words.

A tool list stands in a model's context at every turn: all definitions together have at most
1,500 tokens, which a test counts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from memos.interface.mcp import calls
from memos.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from memos.interface.mcp.answers import Answer
    from memos.interface.memory import Memory

Schema = Mapping[str, Any]

_TEXT: Schema = {"type": "string"}
_WHOLE: Schema = {"type": "integer"}
_TIME: Schema = {"type": "string", "description": "ISO 8601 time"}
_TAGS: Schema = {"type": "array", "items": {"type": "string"}}
_ID: Mapping[str, Schema] = {"id": _TEXT}
_EXPECTED: Mapping[str, Schema] = {"expected_version": _WHOLE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool: what a host is told of it, and what it does.

    `is_read` changes nothing; `is_destructive` takes something out of sight or away;
    `is_idempotent` has no further effect when repeated with the same arguments.
    """

    name: str
    description: str
    arguments: Mapping[str, Schema]
    required: tuple[str, ...]
    call: Callable[..., Answer]
    is_read: bool = False
    is_destructive: bool = False
    is_idempotent: bool = False
    asks_user: bool = False
    """Whether a host is to ask its user before each call."""

    @property
    def input_schema(self) -> dict[str, Any]:
        """Its arguments, as JSON Schema."""
        schema: dict[str, Any] = {"type": "object", "properties": dict(self.arguments)}
        return {**schema, "required": list(self.required)} if self.required else schema

    def run(self, memory: Memory, arguments: Mapping[str, Any], scope: str | None) -> Answer:
        """Call it.

        Args:
            memory: on behalf of whom.
            arguments: by name; `Memory` judges their values.
            scope: where, when the arguments do not say it.

        Raises:
            InvalidInput: an argument is unknown, or one is missing.
            MemosError: as the call of `Memory`.
        """
        given = {name: value for name, value in arguments.items() if value is not None}
        if "scope" in self.arguments and scope is not None:
            given.setdefault("scope", scope)
        unknown = ", ".join(sorted(given.keys() - self.arguments.keys()))
        if unknown:
            known = ", ".join(self.arguments)
            raise InvalidInput(f"{self.name} has no argument {unknown}; its arguments are {known}")
        missing = ", ".join(name for name in self.required if name not in given)
        if missing:
            raise InvalidInput(f"{self.name} needs {missing}; nothing was done")
        return self.call(memory, **given)


TOOLS: tuple[Tool, ...] = (
    Tool(
        name="add_memory",
        description="Remember a text.",
        arguments={
            "text": _TEXT,
            "scope": {"type": "string", "description": "Path such as acme/alice"},
            "source": _TEXT,
            "tags": _TAGS,
            "valid_from": _TIME,
            "idempotency_key": _TEXT,
        },
        required=("text",),
        call=calls.add_memory,
    ),
    Tool(
        name="search_memories",
        description="Find memories by words or meaning, best first.",
        arguments={
            "query": _TEXT,
            "scope": _TEXT,
            "limit": _WHOLE,
            "tags": _TAGS,
            "as_of": _TIME,
        },
        required=("query",),
        call=calls.search_memories,
        is_read=True,
    ),
    Tool(
        name="get_memory",
        description="Read a memory, also an earlier version or a deleted one.",
        arguments={**_ID, "version": _WHOLE},
        required=("id",),
        call=calls.get_memory,
        is_read=True,
    ),
    Tool(
        name="list_memories",
        description="List memories, newest first; state Archived lists deleted ones.",
        arguments={
            "scope": _TEXT,
            "limit": _WHOLE,
            "cursor": _TEXT,
            "state": _TEXT,
        },
        required=(),
        call=calls.list_memories,
        is_read=True,
    ),
    Tool(
        name="update_memory",
        description="Give a memory a new text; earlier versions stay.",
        arguments={
            **_ID,
            "text": _TEXT,
            "mode": {"enum": ["overwrite", "append", "merge"]},
            **_EXPECTED,
        },
        required=("id", "text"),
        call=calls.update_memory,
    ),
    Tool(
        name="delete_memory",
        description="Put a memory out of sight; restore_memory brings it back.",
        arguments={**_ID, **_EXPECTED},
        required=("id",),
        call=calls.delete_memory,
        is_destructive=True,
        is_idempotent=True,
    ),
    Tool(
        name="purge_memory",
        description="Erase for good a memory and all made of it. First call plans; ask the user, "
        "then pass its confirm.",
        arguments={**_ID, "confirm": _TEXT},
        required=("id",),
        call=calls.purge_memory,
        is_destructive=True,
        is_idempotent=True,
        asks_user=True,
    ),
    Tool(
        name="memory_history",
        description="All that was done to a memory, and by whom.",
        arguments=_ID,
        required=("id",),
        call=calls.memory_history,
        is_read=True,
    ),
    Tool(
        name="memory_diff",
        description="What changed between two versions.",
        arguments={**_ID, "before": _WHOLE, "after": _WHOLE},
        required=("id", "before", "after"),
        call=calls.memory_diff,
        is_read=True,
    ),
    Tool(
        name="restore_memory",
        description="Bring a deleted memory back; with version, take it back to that one.",
        arguments={**_ID, "version": _WHOLE},
        required=("id",),
        call=calls.restore_memory,
    ),
    Tool(
        name="explain_access",
        description="Who may read and change a memory; who did lately, who was refused.",
        arguments=_ID,
        required=("id",),
        call=calls.explain_access,
        is_read=True,
    ),
)
"""In the order in which every list of them stands."""

TOOLS_BY_NAME: Mapping[str, Tool] = {tool.name: tool for tool in TOOLS}
