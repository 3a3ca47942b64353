"""Memories behind HTTP: a FastAPI application on one open vault.

    MEMOS_VAULT=team.vault WEB_ACTORS=actors.json uvicorn web_app:app

One `Memory` serves every request, from threads (`def`) and from the event loop (`async def`, by
`AsyncMemory`). Each request acts as who it authenticates as, and sees that tenant alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from hmac import compare_digest
from pathlib import Path
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Header, HTTPException, Query, Request
from fastapi.responses import JSONResponse
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel

from memos import (
    AlreadyErased,
    AsyncMemory,
    Busy,
    Conflict,
    Denied,
    DiskFull,
    Forgotten,
    IllegalMove,
    IndexUnavailable,
    InvalidInput,
    LogUnavailable,
    MemCube,
    Memory,
    MemosError,
    NotApplied,
    NotFound,
    OtherContent,
    Receipt,
    StoreUnavailable,
    SubjectErased,
)

# The nearest class that an error is of decides; any other is a fault, and a 500 that is logged.
STATUS: dict[type[MemosError], int] = {
    AlreadyErased: 410,
    Busy: 503,
    Conflict: 409,
    Denied: 403,
    DiskFull: 507,
    IllegalMove: 409,
    IndexUnavailable: 503,
    InvalidInput: 422,
    LogUnavailable: 503,
    NotApplied: 202,
    NotFound: 404,
    OtherContent: 409,
    StoreUnavailable: 503,
    SubjectErased: 410,
}


def known_actors() -> dict[str, dict[str, str]]:
    """Whose tokens are taken: token to actor and tenant. Here a file; yours may be a login."""
    actors: dict[str, dict[str, str]] = json.loads(
        Path(os.environ["WEB_ACTORS"]).read_text("utf-8")
    )
    return actors


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Open the vault before the first request, and close it behind the last one."""
    app.state.actors = known_actors()
    async with AsyncMemory(os.environ["MEMOS_VAULT"], actor="service:web") as memory:
        app.state.memory = memory
        yield


app = FastAPI(lifespan=lifespan)


@dataclass(frozen=True)
class Caller:
    """The vault on behalf of whom a request comes from, for a thread and for the event loop."""

    waiting: AsyncMemory
    tenant: str

    @property
    def memory(self) -> Memory:
        """For an endpoint that runs in a thread."""
        return self.waiting.memory

    def scope(self, path: str) -> str:
        """The caller's scope at this path."""
        return f"{self.tenant}/{path}".rstrip("/")


async def caller(
    request: Request,
    given: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())],
) -> Caller:
    """Who asks: an actor of a tenant, by a bearer token."""
    for token, known in request.app.state.actors.items():
        if compare_digest(token.encode(), given.credentials.encode()):
            opened: AsyncMemory = request.app.state.memory
            tenant = known["tenant"]
            return Caller(opened.as_actor(known["actor"], tenant=tenant), tenant)
    raise HTTPException(401, "unknown token", {"WWW-Authenticate": "Bearer"})


AnyCaller = Annotated[Caller, Depends(caller)]


@app.exception_handler(MemosError)
async def told(request: Request, error: Exception) -> JSONResponse:
    """What MemOS refused, with its reason."""
    status = next((STATUS[kind] for kind in type(error).__mro__ if kind in STATUS), None)
    if status is None:
        raise error
    body: dict[str, Any] = {"error": type(error).__name__, "detail": str(error)}
    if isinstance(error, Conflict):
        body["current_version"] = error.current_version
    if isinstance(error, NotApplied):  # durable, and readable soon
        body["ids"] = error.cube_ids
    return JSONResponse(body, status, {"Retry-After": "1"} if status == 503 else None)


class NewMemory(BaseModel):
    """What is to be remembered."""

    text: str
    path: str = ""
    tags: list[str] = []
    metadata: dict[str, Any] = {}


class Change(BaseModel):
    """A new text for a memory."""

    text: str


def stored(receipt: Receipt) -> dict[str, Any]:
    """What a write is answered with."""
    return {"id": receipt.cube_id, "version": receipt.version}


@app.post("/memories", status_code=201)
def add(
    new: NewMemory, who: AnyCaller, idempotency_key: Annotated[str | None, Header()] = None
) -> dict[str, Any]:
    """Remember a text; with an Idempotency-Key a request that is sent again has one effect."""
    return stored(
        who.memory.add(
            new.text,
            scope=who.scope(new.path),
            tags=new.tags,
            metadata=new.metadata,
            idempotency_key=idempotency_key,
        )
    )


@app.get("/memories/{cube_id}")
async def get(cube_id: str, who: AnyCaller) -> dict[str, Any]:
    """One memory; 410 where it was erased."""
    cube: MemCube | Forgotten = await who.waiting.get(cube_id)
    if isinstance(cube, Forgotten):
        raise HTTPException(410, "it was erased")
    return {"id": cube.cube_id, "version": cube.version, "text": cube.text, "tags": cube.tags}


@app.put("/memories/{cube_id}")
async def update(
    cube_id: str,
    change: Change,
    who: AnyCaller,
    if_match: Annotated[int | None, Header()] = None,
) -> dict[str, Any]:
    """A new version; with If-Match only where the memory is at that version still, else 409."""
    return stored(await who.waiting.update(cube_id, change.text, expected_version=if_match))


@app.delete("/memories/{cube_id}", status_code=204)
def delete(cube_id: str, who: AnyCaller, erase: bool = False) -> None:
    """Put a memory out of sight or, with `?erase=true`, destroy it for good."""
    if erase:
        who.memory.erase(cube_id=cube_id)
    else:
        who.memory.archive(cube_id)


@app.get("/search")
async def search(
    q: str, who: AnyCaller, path: str = "", k: Annotated[int, Query(ge=1, le=100)] = 10
) -> list[dict[str, Any]]:
    """The memories that fit a query best."""
    hits = await who.waiting.search(q, scope=who.scope(path), k=k)
    return [{"id": hit.cube_id, "text": hit.text, "score": hit.score} for hit in hits]


@app.get("/memories")
def listing(who: AnyCaller, path: str = "", cursor: str | None = None) -> dict[str, Any]:
    """A page of memories, the newest first, and the cursor of the next one."""
    page = who.memory.list(scope=who.scope(path), cursor=cursor)
    found = [{"id": cube.cube_id, "text": cube.text} for cube in page]
    return {"memories": found, "cursor": page.cursor}
