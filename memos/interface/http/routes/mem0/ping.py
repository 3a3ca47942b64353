"""Whether a key is good, and where it stores: what mem0's client asks when it is made."""

from __future__ import annotations

from fastapi import APIRouter, Response

from memos.interface.http.answers import answer
from memos.interface.http.routes.mem0.platform import BaseScope
from memos.interface.http.strict_route import StrictRoute
from memos.kernel.scope import tenant_of

router = APIRouter(route_class=StrictRoute)


@router.get("/v1/ping/")
async def ping(scope: BaseScope) -> Response:
    """The tenant as the organization, and the scope below which memories lie as the project."""
    told = {"org_id": tenant_of(scope), "project_id": scope, "user_email": None}
    return answer({"status": "ok", **told})
