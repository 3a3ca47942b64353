"""The paths of mem0's platform, for its unchanged client; mem0's own OpenAPI describes them."""

from __future__ import annotations

from fastapi import APIRouter

from memos.interface.http.routes.mem0 import absent, batch, memories, ping

router = APIRouter(tags=["mem0"], include_in_schema=False)
for family in (memories, batch, ping, absent):
    router.include_router(family.router)
