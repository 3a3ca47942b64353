"""Contexts as resources: the block of memories that fits a query, at an address of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mcp_types import ResourceTemplate

from memos.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from memos.interface.memory import Memory

CONTEXTS = ResourceTemplate(
    name="context",
    uri_template="memos://context/{+scope}{?query}",
    description="Memories of a scope that fit a query, quoted and cited.",
    mime_type="text/plain",
)


def context_at(memory: Memory, uri: str) -> str:
    """The context block at an address. It counts as use of what it quotes.

    Raises:
        InvalidInput: there is no such resource, or it has no query.
    """
    from mcp import UriTemplate

    values = UriTemplate.parse(CONTEXTS.uri_template).match(uri) or {}
    scope, query = values.get("scope"), values.get("query")
    if not isinstance(scope, str) or not isinstance(query, str):
        raise InvalidInput(
            f"there is no resource {uri}: contexts are at {CONTEXTS.uri_template}, with a query"
        )
    return memory.context(query, scope=scope).text
