"""The keys by which callers come in."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query, Response
from pydantic import BaseModel, Field

from memos.interface.http.answers import answer
from memos.interface.http.bodies import Body
from memos.interface.http.caller import AnyCaller
from memos.interface.http.problems import documented
from memos.interface.http.shapes import model_of
from memos.interface.http.strict_route import StrictRoute
from memos.operation.api_key import ApiKey, CreatedApiKey
from memos.operation.receipt import Receipt

router = APIRouter(prefix="/v1/api-keys", tags=["api keys"], route_class=StrictRoute)

Tenant = Annotated[str | None, Query(description="Whose keys; left out: the whole vault's.")]
NewTenant = Annotated[str | None, Field(description="Whose key; null: the whole vault's.")]
CREATED = {201: {"model": model_of(CreatedApiKey)}, **documented(202)}


class NewApiKey(Body):
    """A key to be issued, as `Memory.create_api_key` takes it."""

    actor: str
    tenant: NewTenant
    name: str = ""
    actions: list[str] = Field(default=["read", "create", "write"])
    scopes: list[str] = Field(default_factory=list)
    expires_after: str | None = "90d"


class Rotation(Body):
    """How a key is replaced, as `Memory.rotate_api_key` takes it."""

    tenant: NewTenant
    overlap: str | None = "1h"


class ApiKeys(BaseModel):
    """The keys that have not ended, in the order in which they were issued."""

    api_keys: list[model_of(ApiKey)]  # type: ignore[valid-type] # a model that is made


@router.get("", response_model=ApiKeys)
async def api_keys(who: AnyCaller, tenant: Tenant = None) -> Response:
    """The keys of a tenant, or of the whole vault, that have not ended."""
    return answer({"api_keys": await who.memory.api_keys(tenant)})


@router.post("", status_code=HTTPStatus.CREATED, responses=CREATED)
async def create_api_key(new: NewApiKey, who: AnyCaller) -> Response:
    """Issue a key. Its text is told here, and never again."""
    return answer(await who.memory.create_api_key(**new.given()), HTTPStatus.CREATED)


@router.post(
    "/{key_id}/rotate",
    status_code=HTTPStatus.CREATED,
    responses=CREATED,
)
async def rotate_api_key(key_id: str, rotation: Rotation, who: AnyCaller) -> Response:
    """Issue a key in the place of one."""
    created = await who.memory.rotate_api_key(key_id, **rotation.given())
    return answer(created, HTTPStatus.CREATED)


@router.delete(
    "/{key_id}",
    responses={200: {"model": model_of(Receipt)}, **documented(202)},
)
async def revoke_api_key(key_id: str, who: AnyCaller, tenant: Tenant = None) -> Response:
    """End a key for good, at once."""
    return answer(await who.memory.revoke_api_key(key_id, tenant=tenant))
