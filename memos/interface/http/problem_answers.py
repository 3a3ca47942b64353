"""Problems as answers: what an application makes of every error that a route raises."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from memos.interface.http.problems import (
    PROBLEM_MEDIA_TYPE,
    RETRY_SECONDS,
    Refusal,
    problem,
    problem_of,
    problem_of_form,
)
from memos.interface.serialise import json_line
from memos.kernel.errors import MemosError

_HEADERS: Mapping[int, Mapping[str, str]] = {
    HTTPStatus.UNAUTHORIZED: {"WWW-Authenticate": "Bearer"},
    HTTPStatus.SERVICE_UNAVAILABLE: {"Retry-After": str(RETRY_SECONDS)},
}
_OF_FRAMEWORK: Mapping[int, str] = {400: "malformed", 404: "no-such-route"}
_METHODS = ("DELETE", "GET", "PATCH", "POST", "PUT")


def problem_answer(told: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> Response:
    """The answer that tells of a problem."""
    status = told["status"]
    every = {"Cache-Control": "no-store", **_HEADERS.get(status, {}), **(headers or {})}
    return Response(json_line(told), status, every, PROBLEM_MEDIA_TYPE)


def answer_of(error: MemosError | Refusal) -> Response:
    """The answer that tells of an error, or a refusal."""
    return problem_answer(problem_of(error), getattr(error, "headers", None))


def tell_problems(app: FastAPI) -> None:
    """Have an application answer with problems."""
    for kind in (MemosError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _told)


async def _told(request: Request, error: Exception) -> Response:
    match error:
        case MemosError() | Refusal():
            return answer_of(error)
        case RequestValidationError():
            return problem_answer(problem_of_form(error.errors()))
        case HTTPException():
            return _of_framework(request, error)
        case _:
            raise error


def _of_framework(request: Request, error: HTTPException) -> Response:
    """The answer where no route takes a request, or its body cannot be read."""
    status = error.status_code
    if status != HTTPStatus.METHOD_NOT_ALLOWED:
        name = _OF_FRAMEWORK.get(status, "malformed")
        return problem_answer(problem(status, name, str(error.detail)), error.headers)
    allowed = ", ".join(
        method
        for method in _METHODS
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    )
    detail = f"{request.method} is not for this path, which takes {allowed}"
    return problem_answer(problem(status, "method-not-allowed", detail), {"Allow": allowed})
