"""Memories one by one: add, list, get, update, archive."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Header, Query, Response
from pydantic import BaseModel, Field

from memos.interface.http.answers import answer
from memos.interface.http.bodies import (
    AsOfText,
    Body,
    JsonObject,
    TimeText,
    bytes_of,
    json_object,
)
from memos.interface.http.caller import AnyCaller
from memos.interface.http.idempotency import IdempotencyKey
from memos.interface.http.preconditions import IfMatch, is_known, tagged
from memos.interface.http.problems import Refusal, documented
from memos.interface.http.shapes import model_of
from memos.interface.http.strict_route import StrictRoute
from memos.operation.cube import Forgotten, MemCube
from memos.operation.receipt import Receipt

router = APIRouter(prefix="/v1/memories", tags=["memories"], route_class=StrictRoute)

CHANGED = {200: {"model": model_of(Receipt)}, **documented(202, 412, 428)}
"""What a write of a memory that is there may answer."""


class NewMemory(Body):
    """A memory to be added, as `Memory.add` takes it."""

    text: str | None = None
    scope: str
    source: str | None = None
    subject: str | None = None
    valid_from: TimeText | None = None
    valid_until: TimeText | None = None
    tags: list[str] = Field(default_factory=list)
    metadata: JsonObject | None = None
    origin: str | None = None
    semantic_type: str | None = None
    owner: str | None = None
    readers: list[str] = Field(default_factory=list)
    writers: list[str] = Field(default_factory=list)
    priority: int = 0
    sensitivity: str | None = None
    purpose: str | None = None
    lifespan: str | JsonObject | None = None
    content: str | None = Field(None, description="Bytes in the place of a text, in base64.")
    media_type: str | None = None
    derived_from: list[str] = Field(
        default_factory=list,
        description="Ids of memories, each with @VERSION behind it where that was read.",
    )

    def arguments(self) -> dict[str, Any]:
        """Those of `Memory.add`."""
        given = self.given()
        if self.content is not None:
            given["content"] = bytes_of(self.content, "content")
        return given


class MemoryChange(Body):
    """A new version of a memory, as `Memory.update` takes it: what is not named stays."""

    text: str | None = None
    mode: Literal["overwrite", "append", "merge"] = "overwrite"
    source: str | None = None
    tags: list[str] | None = None
    metadata: JsonObject | None = None
    replace_metadata: bool = False
    origin: str | None = None
    semantic_type: str | None = None
    valid_from: TimeText | None = None
    valid_until: TimeText | None = None
    reason: str | None = None


class MemoryPage(BaseModel):
    """Memories in the order asked for. `next` is the cursor of the page behind; absent at the end."""

    memories: list[model_of(MemCube)]  # type: ignore[valid-type] # a model that is made
    damaged: dict[str, str]
    not_compared: list[str]
    next: str | None = None


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses={201: {"model": model_of(Receipt)}, **documented(202)},
)
async def add(new: NewMemory, who: AnyCaller, idempotency_key: IdempotencyKey) -> Response:
    """Remember a text, or other content, in a scope."""
    receipt = await who.memory.add(**new.arguments(), idempotency_key=idempotency_key)
    headers = {"Location": f"/v1/memories/{receipt.cube_id}", **tagged(receipt)}
    return answer(receipt, HTTPStatus.CREATED, headers)


@router.get("", response_model=MemoryPage, response_model_exclude_none=True)
async def list_memories(
    who: AnyCaller,
    scope: Annotated[list[str] | None, Query()] = None,
    filter: Annotated[str | None, Query(description="A JSON object.")] = None,  # noqa: A002 - the field's word
    state: Annotated[list[str] | None, Query()] = None,
    order: Annotated[Literal["newest", "oldest", "changed"], Query()] = "newest",
    limit: Annotated[int, Query(ge=1, le=1000)] = 100,
    cursor: Annotated[str | None, Query(description="`next` of the page before.")] = None,
    as_of: Annotated[AsOfText | None, Query()] = None,
    facts: bool = False,
) -> Response:
    """The memories that are there, page by page."""
    page = await who.memory.list(
        scope=scope,
        filter=json_object(filter, "filter"),
        state=state,
        order=order,
        limit=limit,
        cursor=cursor,
        as_of=as_of,
        facts=facts,
    )
    told = {"memories": list(page), "damaged": page.damaged, "not_compared": page.not_compared}
    return answer(told if page.cursor is None else {**told, "next": page.cursor})


@router.get("/{cube_id}", responses={200: {"model": model_of(MemCube)}, 304: {}})
async def get(
    cube_id: str,
    who: AnyCaller,
    version: Annotated[int | None, Query()] = None,
    as_of: Annotated[AsOfText | None, Query()] = None,
    valid_at: Annotated[TimeText | None, Query()] = None,
    any_state: bool = False,
    if_none_match: Annotated[list[str] | None, Header()] = None,
) -> Response:
    """One memory, with its ETag; 410 where it was erased."""
    found = await who.memory.get(
        cube_id, version=version, as_of=as_of, valid_at=valid_at, any_state=any_state
    )
    if isinstance(found, Forgotten):
        raise Refusal(HTTPStatus.GONE, "erased", f"cube {cube_id} was erased for good")
    headers = tagged(found)
    if if_none_match and is_known(headers["ETag"], if_none_match):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    return answer(found, headers=headers)


@router.patch("/{cube_id}", responses=CHANGED)
async def update(
    cube_id: str,
    change: MemoryChange,
    who: AnyCaller,
    if_match: IfMatch,
    idempotency_key: IdempotencyKey,
) -> Response:
    """Give a memory a new version."""
    receipt = await who.memory.update(
        cube_id,
        **change.given(),
        expected_version=await if_match.version_of(who.memory, cube_id),
        idempotency_key=idempotency_key,
    )
    return answer(receipt, headers=tagged(receipt))


@router.delete("/{cube_id}", responses=CHANGED)
async def archive(cube_id: str, who: AnyCaller, if_match: IfMatch) -> Response:
    """Put a memory out of sight; its history stays. `POST /v1/erasures` erases."""
    version = await if_match.version_of(who.memory, cube_id)
    receipt = await who.memory.archive(cube_id, expected_version=version)
    return answer(receipt, headers=tagged(receipt))
