"""The log of the server: a JSON object a line, with nothing of what requests hold."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

_TOLD = ("method", "route", "status", "seconds", "request_id", "error", "stack")
"""What is told beside the message, where a line has it."""


class JsonLines(logging.Formatter):
    """Each record as one line of JSON. Of an exception its type is told, for its text may hold anything."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat().replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        line |= {name: getattr(record, name) for name in _TOLD if hasattr(record, name)}
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
        return json.dumps(line)


def logging_settings(level: str) -> dict[str, Any]:
    """For `logging.config.dictConfig`: uvicorn's lines and ours, to stderr."""
    handled = {"handlers": ["lines"], "level": level, "propagate": False}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"lines": {"()": JsonLines}},
        "handlers": {"lines": {"class": "logging.StreamHandler", "formatter": "lines"}},
        "loggers": {"memos": handled, "uvicorn": handled, "uvicorn.error": handled},
    }
