"""The JSON of results and errors: stable shapes, ASCII only, one document a line.

    {"schema": 1, "command": "get", "result": {...}}
    {"schema": 1, "command": "get", "error": {"type": "NotFound", "message": "...", ...}}

Dataclasses become objects with the same field names; positions are "0:42", times ISO 8601 in UTC,
durations microseconds, bytes base64. A field may be added under the same schema number; none is
renamed or removed.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any

from memos.kernel.event import Position
from memos.operation.plain import utc_text

SCHEMA = 1
_PLAIN = frozenset({str, int, float, bool, type(None)})


def plain(value: Any) -> Any:
    """A value of the API as JSON knows it: None, bool, int, float, str, list or dict.

    Raises:
        InvalidInput: it holds a caller's time that has no zone, or that UTC has not.
    """
    if type(value) in _PLAIN:  # most values are: a server writes a thousand memories a second
        return value
    match value:
        case Position() | Path():
            return str(value)
        case Enum():
            return value.name.lower()
        case datetime():
            return utc_text(value, "a time")
        case bytes():
            return b64encode(value).decode("ascii")
        case Mapping():
            return {str(key): plain(item) for key, item in value.items()}
        case tuple() if hasattr(value, "_asdict"):
            return plain(value._asdict())
        case tuple() | list() | set() | frozenset():
            return [plain(item) for item in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {field.name: plain(getattr(value, field.name)) for field in fields(value)}
        case _:
            return value


def json_line(value: Any) -> str:
    """A value of the API as JSON on one line, without the line's end."""
    return json.dumps(plain(value))


def document(command: str, result: Any) -> str:
    """One line: the envelope around a command's result."""
    return json_line({"schema": SCHEMA, "command": command, "result": result})


def error_document(
    command: str, kind: str, message: str, exit_code: int, details: Mapping[str, object]
) -> str:
    """One line: the envelope around the error of a command.

    Args:
        command: the command's name, such as "cut name".
        kind: the error's class, or "Usage" for a command line that cannot be understood.
        message: what, why and what to do.
        exit_code: the program's exit status.
        details: further fields, by the error's class: `current_version`, `rule`, `cube_ids`,
            `positions`.
    """
    error = {"type": kind, "message": message, "exit_code": exit_code, **details}
    return json_line({"schema": SCHEMA, "command": command, "error": error})
