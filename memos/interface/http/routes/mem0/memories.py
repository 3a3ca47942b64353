"""Memories behind mem0's paths. Each call of `Platform` blocks, and runs in a thread of the framework."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from memos.interface.compat.mem0.platform_filters import entities_named, filters_in_address
from memos.interface.compat.mem0.platform_records import added_answer, only, platform_record
from memos.interface.http.answers import answer
from memos.interface.http.routes.mem0 import bodies
from memos.interface.http.routes.mem0.platform import AnyPlatform
from memos.interface.http.strict_route import StrictRoute

router = APIRouter(route_class=StrictRoute)

MOST_ON_A_PAGE = 200


@router.post("/v3/memories/add/")
def add(new: bodies.NewMemories, platform: AnyPlatform) -> Response:
    """Remember messages: `MemoryClient.add`."""
    return answer(added_answer(platform.add(**new.arguments())["results"]))


@router.post("/v3/memories/search/")
def search(query: bodies.Query, platform: AnyPlatform) -> Response:
    """The memories that fit a query best: `MemoryClient.search`."""
    found = platform.search(**query.arguments())["results"]
    return answer({"results": only([platform_record(each) for each in found], query.fields)})


@router.post("/v3/memories/")
def get_all(
    listing: bodies.Listing,
    platform: AnyPlatform,
    page: Annotated[int, Query(ge=1)] = 1,
    page_size: Annotated[int, Query(ge=1, le=MOST_ON_A_PAGE)] = 100,
) -> Response:
    """The memories that a filter fits, page by page: `MemoryClient.get_all`."""
    shown = platform.page(
        listing.narrowed, number=page, size=page_size, show_expired=listing.show_expired
    )
    more = page * page_size < shown.total
    return answer(
        {
            "count": shown.total,
            "next": _address(page + 1, page_size) if more else None,
            "previous": _address(page - 1, page_size) if page > 1 else None,
            "results": only(shown.records, listing.fields),
        }
    )


def _address(page: int, page_size: int) -> str:
    return f"/v3/memories/?page={page}&page_size={page_size}"


@router.delete("/v1/memories/")
def delete_all(
    platform: AnyPlatform,
    user_id: str | None = None,
    agent_id: str | None = None,
    app_id: str | None = None,
    run_id: str | None = None,
    filters: str | None = None,
) -> Response:
    """Delete all memories of some entities: `MemoryClient.delete_all`."""
    given = {"user_id": user_id, "agent_id": agent_id, "app_id": app_id, "run_id": run_id}
    entities = entities_named(filters_in_address(filters), given)
    return answer(platform.delete_all(**{name: str(value) for name, value in entities.items()}))


@router.get("/v1/memories/{memory_id}/")
def get(memory_id: str, platform: AnyPlatform) -> Response:
    """One memory: `MemoryClient.get`."""
    return answer(platform.record(memory_id))


@router.put("/v1/memories/{memory_id}/")
def update(memory_id: str, change: bodies.Change, platform: AnyPlatform) -> Response:
    """Give a memory a new version: `MemoryClient.update`."""
    platform.update(memory_id, **change.arguments())
    return answer(platform.record(memory_id))


@router.delete("/v1/memories/{memory_id}/")
def delete(memory_id: str, platform: AnyPlatform, *, delete_linked: bool = False) -> Response:
    """Delete a memory: `MemoryClient.delete`. None supersedes another here, so none is linked."""
    told = platform.delete(memory_id)
    return answer({**told, "cascade_count": 0} if delete_linked else told)


@router.get("/v1/memories/{memory_id}/history/")
def history(memory_id: str, platform: AnyPlatform) -> Response:
    """What happened to a memory: `MemoryClient.history`."""
    return answer(platform.history(memory_id))
