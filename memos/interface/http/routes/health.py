"""Whether the server lives, whether its vault answers, and its metrics."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Literal

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel

from memos.interface.async_memory import AsyncMemory
from memos.interface.http.answers import answer
from memos.interface.http.problems import Refusal
from memos.interface.http.settings import HttpSettings
from memos.interface.http.strict_route import StrictRoute
from memos.kernel.errors import MemosError

VAULT_SECONDS = 5.0

router = APIRouter(tags=["health"], route_class=StrictRoute)


class Health(BaseModel):
    """That all is well."""

    status: Literal["ok"] = "ok"


@router.get("/healthz", response_model=Health)
async def healthz() -> Response:
    """Whether the process lives."""
    return answer({"status": "ok"})


@router.get("/readyz", response_model=Health)
async def readyz(request: Request) -> Response:
    """Whether the vault answers."""
    memory: AsyncMemory = request.app.state.memory
    try:
        async with asyncio.timeout(VAULT_SECONDS):
            await memory.cuts()
    except (MemosError, TimeoutError) as error:
        told = type(error).__name__
        raise Refusal(
            HTTPStatus.SERVICE_UNAVAILABLE,
            "not-ready",
            f"the vault does not answer ({told}): `memos doctor` says more",
            headers={"Retry-After": "1"},
        ) from None
    return answer({"status": "ok"})


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Prometheus metrics; not everywhere here: see `memos serve --metrics-port`."""
    settings: HttpSettings = request.app.state.settings
    if not settings.shows_metrics:
        raise Refusal(
            HTTPStatus.NOT_FOUND, "no-such-route", "metrics are at the port of --metrics-port"
        )
    registry = request.app.state.metrics.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
