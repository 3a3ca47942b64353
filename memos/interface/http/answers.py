"""Answers: the one serialiser's JSON, and the headers that go with it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import Response

from memos.interface.serialise import plain

JSON = "application/json"
_ENCODER = json.JSONEncoder(separators=(",", ":"))


def answer(
    value: Any, status: int = HTTPStatus.OK, headers: Mapping[str, str] | None = None
) -> Response:
    """A value of the API as an answer; caches keep none."""
    return Response(
        _ENCODER.encode(plain(value)),
        status,
        {"Cache-Control": "no-store", **(headers or {})},
        JSON,
    )
