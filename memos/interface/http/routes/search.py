"""Memories for a query: hits, or a block for a prompt."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, Field

from memos.interface.http.answers import answer
from memos.interface.http.bodies import AsOfText, Body, JsonObject, Scopes, TimeText
from memos.interface.http.caller import AnyCaller
from memos.interface.http.shapes import model_of
from memos.interface.http.strict_route import StrictRoute
from memos.operation.reads.context_block import ContextBlock
from memos.operation.reads.stable_context import StableContext
from memos.operation.search.hits import Hit

router = APIRouter(prefix="/v1", tags=["search"], route_class=StrictRoute)


class SearchQuery(Body):
    """A search, as `Memory.search` takes it."""

    query: str
    scope: Scopes
    k: int = Field(10, ge=1, le=1000)
    filter: JsonObject | None = None
    as_of: AsOfText | None = None
    valid_at: TimeText | None = None
    states: list[str] | None = None
    recipe: str | None = None
    facts: bool = False
    min_score: float = 0.0


class Found(BaseModel):
    """Hits, best first, and how the search ran."""

    hits: list[model_of(Hit)]  # type: ignore[valid-type] # a model that is made
    explain: dict[str, Any]


class ContextQuery(Body):
    """A context, as `Memory.context` takes it."""

    query: str
    scope: Scopes
    budget_tokens: int = Field(1000, ge=1)
    k: int = Field(30, ge=1, le=1000)
    as_of: AsOfText | None = None
    filter: JsonObject | None = None
    recipe: str | None = None
    stable: bool = False


@router.post("/search", response_model=Found)
async def search(query: SearchQuery, who: AnyCaller) -> Response:
    """The memories that fit a query best."""
    hits = await who.memory.search(**query.given())
    return answer({"hits": list(hits), "explain": hits.explain})


@router.post(
    "/context",
    responses={200: {"model": model_of(ContextBlock) | model_of(StableContext)}},
)
async def context(query: ContextQuery, who: AnyCaller) -> Response:
    """A block for a prompt, or with `stable` the two of a conversation's first turn."""
    return answer(await who.memory.context(**query.given()))
