"""The JSON that `--json` prints: stable shapes, ASCII only, one document a command.

    {"schema": 1, "command": "get", "result": {...}}

Dataclasses become objects with the same field names; positions are "0:42", times ISO 8601 in UTC,
durations microseconds, bytes base64. A field may be added under the same schema number; none is
renamed or removed.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import Any

from memos.kernel.event import Position

SCHEMA = 1


def plain(value: Any) -> Any:
    """A value of the API as JSON knows it."""
    match value:
        case Position() | Path():
            return str(value)
        case Enum():
            return value.name.lower()
        case datetime():
            return value.astimezone(UTC).isoformat().replace("+00:00", "Z")
        case bytes():
            return b64encode(value).decode("ascii")
        case Mapping():
            return {str(key): plain(each) for key, each in value.items()}
        case tuple() if hasattr(value, "_asdict"):
            return plain(value._asdict())
        case tuple() | list() | set() | frozenset():
            return [plain(each) for each in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return {each.name: plain(getattr(value, each.name)) for each in fields(value)}
        case _:
            return value


def document(command: str, result: Any) -> str:
    """One line: the envelope around a command's result."""
    return json.dumps({"schema": SCHEMA, "command": command, "result": plain(result)})
