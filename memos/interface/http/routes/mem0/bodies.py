"""The bodies of mem0's platform, as its client sends them. What a vault has no use for is refused by name."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from memos.interface.compat.mem0.platform_filters import (
    created_between,
    entities_named,
    time_from,
)
from memos.interface.http.bodies import Body, JsonObject

EntityId = str | int
Moment = int | float | str
"""Seconds since 1970, or ISO 8601."""

MOST_AT_ONCE = 1000


class NewMemories(Body):
    """Messages to remember."""

    messages: list[JsonObject]
    user_id: EntityId | None = None
    agent_id: EntityId | None = None
    app_id: EntityId | None = None
    run_id: EntityId | None = None
    filters: JsonObject | None = None
    metadata: JsonObject | None = None
    infer: bool | None = None
    custom_instructions: str | None = None
    timestamp: Moment | None = None
    expiration_date: str | None = None

    def arguments(self) -> dict[str, Any]:
        """Those of the SDK's `add`."""
        given = {name: getattr(self, name) for name in ("user_id", "agent_id", "app_id", "run_id")}
        return {
            **entities_named(self.filters, given),
            "messages": self.messages,
            "metadata": self.metadata,
            "infer": self.infer is not False,
            "prompt": self.custom_instructions,
            "timestamp": time_from(self.timestamp),
            "expiration_date": self.expiration_date,
        }


class Query(Body):
    """A search. Of a memory there is one version to be found, by words and by meaning: `latest_only` and
    `keyword_search` change nothing.
    """

    query: str
    filters: JsonObject = Field(default_factory=dict)
    metadata: JsonObject | None = None
    top_k: int = Field(10, ge=1, le=1000)
    threshold: float | None = None
    rerank: bool = False
    reference_date: Moment | None = None
    show_expired: bool = False
    fields: list[str] | None = None
    latest_only: bool | None = None
    keyword_search: bool | None = None

    def arguments(self) -> dict[str, Any]:
        """Those of the SDK's `search`."""
        narrowed = [{"metadata": self.metadata}] if self.metadata else []
        return {
            "query": self.query,
            "filters": {"AND": [self.filters, *narrowed]},
            "top_k": self.top_k,
            "threshold": self.threshold,
            "rerank": self.rerank,
            "reference_date": time_from(self.reference_date),
            "show_expired": self.show_expired,
        }


class Listing(Body):
    """Which memories are listed; there is one version of each: `latest_only` changes nothing."""

    filters: JsonObject = Field(default_factory=dict)
    start_date: str | None = None
    end_date: str | None = None
    show_expired: bool = False
    fields: list[str] | None = None
    latest_only: bool | None = None

    @property
    def narrowed(self) -> dict[str, Any]:
        """The filters, with the dates."""
        return {"AND": [self.filters, *created_between(self.start_date, self.end_date)]}


class Change(Body):
    """A new version of a memory: what is not named stays."""

    text: str | None = None
    metadata: JsonObject | None = None
    timestamp: Moment | None = None
    expiration_date: str | None = None

    def arguments(self) -> dict[str, Any]:
        """Those of the SDK's `update`."""
        return {**self.given(), "timestamp": time_from(self.timestamp)}


class OneChange(Body):
    """A new version of one memory of several."""

    memory_id: str
    text: str | None = None
    metadata: JsonObject | None = None


class OneMemory(Body):
    """One memory of several."""

    memory_id: str


class Changes(Body):
    """New versions of several memories."""

    memories: list[OneChange] = Field(min_length=1, max_length=MOST_AT_ONCE)


class Deletions(Body):
    """Memories to delete."""

    memories: list[OneMemory] = Field(min_length=1, max_length=MOST_AT_ONCE)
