"""Errors as problems (RFC 9457): one table from what MemOS raises to a status and a stable type."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match

from memos.interface.serialise import json_line
from memos.kernel import errors
from memos.kernel.errors import MemosError

PROBLEM_MEDIA_TYPE = "application/problem+json"
TYPE_PREFIX = "urn:memos:problem:"
RETRY_SECONDS = 1
"""After which a caller may ask again what was not to be had for the moment."""

_OF_ERRORS: Mapping[type[MemosError], tuple[int, str]] = {
    MemosError: (500, "failed"),
    errors.InvalidInput: (422, "invalid-input"),
    errors.NotFound: (404, "not-found"),
    errors.Conflict: (412, "conflict"),
    errors.Denied: (403, "denied"),
    errors.IllegalMove: (409, "illegal-move"),
    errors.Held: (409, "held"),
    errors.SourceErased: (409, "source-erased"),
    errors.OtherContent: (422, "other-content"),
    errors.AlreadyErased: (410, "already-erased"),
    errors.VaultError: (500, "vault-error"),
    errors.ReadOnly: (403, "read-only"),
    errors.Busy: (503, "busy"),
    errors.EraseUnfinished: (503, "erase-unfinished"),
    errors.PartlyDone: (409, "partly-done"),
    errors.DiskFull: (507, "disk-full"),
    errors.Damaged: (500, "damaged"),
    errors.Unreadable: (500, "unreadable"),
    errors.KeysMissing: (500, "keys-missing"),
    errors.StoreUnavailable: (503, "store-unavailable"),
    errors.LogUnavailable: (503, "log-unavailable"),
    errors.Unacknowledged: (503, "unacknowledged"),
    errors.NotApplied: (202, "not-applied"),
    errors.SubjectErased: (410, "subject-erased"),
    errors.PartitionsChanged: (500, "partitions-changed"),
    errors.LogLost: (500, "log-lost"),
    errors.ProjectionsLost: (500, "projections-lost"),
    errors.WrongRootKey: (500, "wrong-root-key"),
    errors.IndexUnavailable: (503, "index-unavailable"),
    errors.Refused: (422, "refused"),
    errors.EmbeddingFailed: (503, "embedding-failed"),
    errors.EmbedderUnavailable: (503, "embedder-unavailable"),
    errors.RerankFailed: (503, "rerank-failed"),
    errors.ModelUnavailable: (503, "model-unavailable"),
    errors.DistillationRefused: (422, "distillation-refused"),
}
"""Status and type of each error; one that is not named has those of the nearest class that it is of."""

_DETAILS = ("current_version", "rule", "cube_ids", "positions", "operation_id", "done", "left")
"""What an error tells beside its message, for a program to go on."""

_OF_HTTP: Mapping[int, str] = {
    400: "malformed",
    404: "no-such-route",
    405: "method-not-allowed",
}
"""Types of what the framework refuses by itself."""


_METHODS = ("DELETE", "GET", "PATCH", "POST")


class Problem(BaseModel):
    """Why a request was not done (RFC 9457)."""

    model_config = ConfigDict(extra="allow", title="Problem")

    type: str = Field(description="Stable; docs/http.md lists all.")
    title: str
    status: int
    detail: str = Field(description="What could not be done, why, and what to do.")


class Refusal(HTTPException):
    """A request that the door itself refuses."""

    def __init__(
        self, status: int, name: str, detail: str, headers: Mapping[str, str] | None = None
    ) -> None:
        """Refuse a request.

        Args:
            status: the answer's status.
            name: the last part of the problem's type.
            detail: what was refused, why, and what to do.
            headers: of the answer.
        """
        super().__init__(status, detail, headers)
        self.name = name


def problem(
    status: int,
    name: str,
    detail: str,
    headers: Mapping[str, str] | None = None,
    more: Mapping[str, Any] | None = None,
) -> Response:
    """The answer that tells of a problem."""
    told = {
        "type": TYPE_PREFIX + name,
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        **(more or {}),
    }
    return Response(
        json_line(told),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        PROBLEM_MEDIA_TYPE,
    )


def problem_of(error: MemosError) -> Response:
    """The answer that tells of an error."""
    status, name = status_of(error)
    more = {each: getattr(error, each) for each in _DETAILS if hasattr(error, each)}
    headers = (
        {"Retry-After": str(RETRY_SECONDS)} if status == HTTPStatus.SERVICE_UNAVAILABLE else {}
    )
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = "Bearer"
    return problem(status, name, str(error), headers, more)


def status_of(error: MemosError) -> tuple[int, str]:
    """The status of an error, and the last part of its type."""
    return next(_OF_ERRORS[kind] for kind in type(error).__mro__ if kind in _OF_ERRORS)


def too_many(
    name: str, detail: str, wait: float = 0.0, headers: Mapping[str, str] | None = None
) -> Refusal:
    """The refusal of who asks for too much; `wait` is in how many seconds it may be asked again."""
    after = {"Retry-After": str(max(math.ceil(wait), RETRY_SECONDS))}
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, name, detail, headers={**(headers or {}), **after})


def tell_problems(app: FastAPI) -> None:
    """Have an application answer with problems."""
    for kind in (MemosError, RequestValidationError, HTTPException):
        app.add_exception_handler(kind, _told)


async def _told(request: Request, error: Exception) -> Response:
    match error:
        case MemosError():
            return problem_of(error)
        case Refusal():
            return problem(error.status_code, error.name, error.detail, error.headers)
        case RequestValidationError():
            return _invalid(error)
        case HTTPException():
            return _of_framework(request, error)
        case _:
            raise error


def _of_framework(request: Request, error: HTTPException) -> Response:
    """The answer where no route takes a request."""
    name = _OF_HTTP.get(error.status_code, "malformed")
    if error.status_code != HTTPStatus.METHOD_NOT_ALLOWED:
        return problem(error.status_code, name, str(error.detail), error.headers)
    allowed = [
        method
        for method in _METHODS
        for route in request.app.routes
        if route.matches({**request.scope, "method": method})[0] is Match.FULL
    ]
    detail = f"{request.method} is not for this path, which takes {', '.join(allowed)}"
    return problem(error.status_code, name, detail, {"Allow": ", ".join(allowed)})


def _invalid(error: RequestValidationError) -> Response:
    """The answer where a request has not the form that its route takes; of its values nothing is said."""
    found = [
        {"at": "/".join(map(str, each["loc"])), "message": each["msg"]} for each in error.errors()
    ]
    if any(each["type"] == "json_invalid" for each in error.errors()):
        return problem(400, "malformed", "the body is no JSON", more={"errors": found})
    detail = "; ".join(f"{each['at']}: {each['message']}" for each in found)
    return problem(422, "invalid-input", detail, more={"errors": found})


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of answers that are problems."""
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        for status in statuses
    }
