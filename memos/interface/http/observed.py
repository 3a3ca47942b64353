"""What is told of each request: a line of the log and metrics, with nothing of what it holds."""

from __future__ import annotations

import logging
import traceback
from http import HTTPStatus
from time import perf_counter
from typing import TYPE_CHECKING

import uuid_utils

from memos.interface.http.problem_answers import problem_answer
from memos.interface.http.problems import problem

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from memos.interface.http.metrics import HttpMetrics

LOG = logging.getLogger("memos.http")
NO_ROUTE = "none"
_SAFE_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)


def _frames(error: Exception) -> dict[str, object]:
    """Where an error came from; its message may hold what a request held, and is left out."""
    frames = traceback.extract_tb(error.__traceback__)
    stack = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in frames]
    return {"error": type(error).__name__, "stack": stack}


class Observed:
    """Gives each request an id, tells of it when it is answered, and answers what nobody expected.

    Neither path nor query, header nor body is told: of where it went its route, such as
    `/v1/memories/{cube_id}`.
    """

    def __init__(self, app: ASGIApp, metrics: HttpMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, status = perf_counter(), 0
        request_id = str(uuid_utils.uuid7())
        state = scope.setdefault("state", {})
        state["answer_headers"] = [*_SAFE_HEADERS, (b"x-request-id", request_id.encode())]

        async def told_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message["headers"], *state["answer_headers"]]
            await send(message)

        try:
            await self._app(scope, receive, told_send)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is answered and logged
            LOG.error("unexpected error", extra={"request_id": request_id, **_frames(error)})
            if not status:
                detail = f"an error that nobody expected; the log has it as {request_id}"
                told = problem(HTTPStatus.INTERNAL_SERVER_ERROR, "internal", detail)
                await problem_answer(told)(scope, receive, told_send)
        finally:
            self._tell(scope, status, perf_counter() - begun, request_id)

    def _tell(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route = getattr(scope.get("route"), "path", NO_ROUTE)
        method = scope["method"] if route != NO_ROUTE else NO_ROUTE
        self._metrics.observe(method, route, status, seconds)
        LOG.info(
            "request",
            extra={
                "method": method,
                "route": route,
                "status": status,
                "seconds": round(seconds, 6),
                "request_id": request_id,
            },
        )
