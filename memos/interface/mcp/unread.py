"""What is answered to a message that is no request: its error, by JSON-RPC."""

from __future__ import annotations

import json
from typing import Any

from mcp_types import INVALID_PARAMS, INVALID_REQUEST, PARSE_ERROR, ErrorData, JSONRPCError
from pydantic import ValidationError

_MOST_ID = 2**63
_WITH_WHOLE_INPUT = frozenset({"json_invalid", "missing", "model_type"})
"""Kinds of errors that tell all that was read, and not a part of it."""


def error_of(refused: Exception) -> JSONRPCError | None:
    """What is answered to a line that was refused; None where there was nothing in it.

    Args:
        refused: as the transport tells of it.
    """
    if not isinstance(refused, ValidationError):
        return _error(PARSE_ERROR, None, "the line cannot be read")
    told = refused.errors(include_url=False, include_context=False)
    given = next((each["input"] for each in told if each["type"] in _WITH_WHOLE_INPUT), None)
    if told[0]["type"] == "json_invalid":
        if isinstance(given, str) and not given.strip():
            return None
        try:
            given = json.loads(str(given))  # half a surrogate pair is JSON all the same
        except (ValueError, RecursionError):
            return _error(PARSE_ERROR, None, "the line is no JSON")
    return _error_of_request(given)


def _error_of_request(given: object) -> JSONRPCError:
    if not isinstance(given, dict) or "result" in given or "error" in given:
        return _error(
            INVALID_REQUEST, None, "a message is a JSON object: a request of JSON-RPC 2.0"
        )
    identity = _identity(given.get("id"))
    is_request = given.get("jsonrpc") == "2.0" and isinstance(given.get("method"), str)
    if is_request and identity is not None:
        return _error(
            INVALID_PARAMS, identity, "params must be a JSON object, and its texts whole Unicode"
        )
    return _error(INVALID_REQUEST, identity, "the message is no request of JSON-RPC 2.0")


def _identity(given: Any) -> str | int | None:
    """The id of a request, as far as an answer can carry it."""
    if isinstance(given, bool):
        return None
    if isinstance(given, int):
        return given if -_MOST_ID <= given < _MOST_ID else None
    if isinstance(given, str):
        return given if given.encode("utf-8", "replace").decode() == given else None
    return None


def _error(code: int, identity: str | int | None, message: str) -> JSONRPCError:
    return JSONRPCError(jsonrpc="2.0", id=identity, error=ErrorData(code=code, message=message))
