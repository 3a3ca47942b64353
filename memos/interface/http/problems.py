"""Why something was not done, as a document (RFC 9457) with a stable type."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from starlette.exceptions import HTTPException

from memos.interface.http.statuses import status_of
from memos.kernel.errors import MemosError

TYPE_PREFIX = "urn:memos:problem:"
PROBLEM_MEDIA_TYPE = "application/problem+json"
RETRY_SECONDS = 1
"""After which a caller may ask again what was not to be had for the moment."""

_DETAILS = ("current_version", "rule", "cube_ids", "positions", "operation_id", "done", "left")
"""What an error tells beside its message, for a program to go on."""


class Problem(BaseModel):
    """Why a request was not done (RFC 9457)."""

    model_config = ConfigDict(extra="allow")

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


def problem(status: int, name: str, detail: str, **more: Any) -> dict[str, Any]:
    """A problem.

    Args:
        status: of the answer that tells of it.
        name: the last part of its type.
        detail: what could not be done, why, and what to do.
        more: further members.
    """
    return {
        "type": TYPE_PREFIX + name,
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        **more,
    }


def problem_of(error: MemosError | Refusal) -> dict[str, Any]:
    """The problem that an error or a refusal is."""
    if isinstance(error, Refusal):
        return problem(error.status_code, error.name, error.detail)
    status, name = status_of(error)
    more = {each: getattr(error, each) for each in _DETAILS if hasattr(error, each)}
    return problem(status, name, str(error), **more)


def problem_of_form(found: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The problem that what pydantic found is; of the values themselves nothing is said."""
    errors = [(each["type"], "/".join(map(str, each["loc"])), each["msg"]) for each in found]
    if any(kind == "json_invalid" for kind, _, _ in errors):
        return problem(HTTPStatus.BAD_REQUEST, "malformed", "this is no JSON in UTF-8")
    detail = "; ".join(f"{where}: {message}" for _, where, message in errors)
    told = [{"at": where, "message": message} for _, where, message in errors]
    return problem(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input", detail, errors=told)


def too_many(
    name: str, detail: str, wait: float = 0.0, headers: Mapping[str, str] | None = None
) -> Refusal:
    """The refusal of who asks for too much; `wait` is in how many seconds it may be asked again."""
    after = {"Retry-After": str(max(math.ceil(wait), RETRY_SECONDS))}
    return Refusal(HTTPStatus.TOO_MANY_REQUESTS, name, detail, {**(headers or {}), **after})


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of answers that are problems."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM_MEDIA_TYPE: {"schema": schema}},
        }
        for status in statuses
    }
