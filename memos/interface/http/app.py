"""The application: routes on one vault, and all that stands in front of them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from starlette.middleware import Middleware

from memos.infrastructure.release import RELEASE
from memos.interface.http.caller import OPEN_PATHS, Authenticated, Callers
from memos.interface.http.cors import Cors
from memos.interface.http.guard import Guard
from memos.interface.http.mem0_dialect import Mem0Dialect
from memos.interface.http.metrics import HttpMetrics
from memos.interface.http.observed import Observed
from memos.interface.http.problem_answers import tell_problems
from memos.interface.http.problems import Problem, documented
from memos.interface.http.proxy.proxy import Proxy
from memos.interface.http.routes import (
    accesses,
    api_keys,
    bulk,
    changes,
    chat,
    cuts,
    events,
    health,
    mem0,
    memories,
    openai,
    proofs,
    search,
    undo,
    versions,
)
from memos.interface.http.settings import HttpSettings
from memos.interface.http.streams import Streams

if TYPE_CHECKING:
    from memos.interface.async_memory import AsyncMemory

ANY_ROUTE = documented(400, 401, 403, 404, 408, 409, 410, 413, 415, 421, 422, 429, 500, 503, 507)
"""What any route may answer."""

_FAMILIES = (
    memories,
    search,
    bulk,
    versions,
    chat,
    openai,
    undo,
    events,
    changes,
    accesses,
    cuts,
    proofs,
    api_keys,
    health,
    mem0,
)
"""What is asked most comes first: routes are tried in order."""


def application(memory: AsyncMemory, settings: HttpSettings | None = None) -> FastAPI:
    """An application that serves a vault.

    Args:
        memory: the vault, open or to be opened by the first call; whoever opened it closes it.
        settings: what is not said is as by default: on loopback, for callers with a key.
    """
    chosen = settings or HttpSettings()
    metrics, callers = HttpMetrics(), Callers(memory, chosen)
    app = FastAPI(
        title="MemOS",
        version=RELEASE,
        summary="The memory store of AI agents. Every memory operation is an event.",
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        responses=ANY_ROUTE,
        middleware=_middleware(chosen, metrics, callers),
        lifespan=_closing_proxy,
    )
    app.state.memory = memory
    app.state.settings = chosen
    app.state.metrics = metrics
    app.state.callers = callers
    app.state.streams = Streams(callers, chosen.streams_per_key, metrics)
    completions = Streams(callers, chosen.completions_per_key, metrics)
    app.state.proxy = None if chosen.upstream is None else Proxy(chosen.upstream, completions)
    tell_problems(app)
    for family in _FAMILIES:
        app.include_router(family.router)
    app.openapi = lambda: _described(app)  # type: ignore[method-assign] # FastAPI's own way
    return app


@asynccontextmanager
async def _closing_proxy(app: FastAPI) -> AsyncIterator[None]:
    """Let go of the connections to the server behind `/openai/v1` when this one ends."""
    try:
        yield
    finally:
        if app.state.proxy is not None:
            await app.state.proxy.close()


def _middleware(settings: HttpSettings, metrics: HttpMetrics, callers: Callers) -> list[Middleware]:
    """What a request comes through, the outermost first."""
    stack = [Middleware(Mem0Dialect), Middleware(Observed, metrics=metrics)]
    if settings.origins:
        stack.append(Middleware(Cors, origins=settings.origins))
    return [
        *stack,
        Middleware(Guard, settings=settings),
        Middleware(Authenticated, callers=callers),
    ]


def _described(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document, with the problem that all answers but the good ones are."""
    if app.openapi_schema is None:
        made = get_openapi(
            title=app.title, version=app.version, summary=app.summary, routes=app.routes
        )
        components = made.setdefault("components", {})
        components.setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
        components["securitySchemes"] = {"ApiKey": {"type": "http", "scheme": "bearer"}}
        for path, methods in made["paths"].items():
            if path not in OPEN_PATHS:
                for operation in methods.values():
                    operation["security"] = [{"ApiKey": []}]
        app.openapi_schema = made
    return app.openapi_schema
