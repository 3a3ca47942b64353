"""A log that stays readable while a server is away: of lines of one kind, a few a minute."""

from __future__ import annotations

import logging
import re
import threading
import time
from typing import NamedTuple

MOST = 3
EVERY_SECONDS = 60.0
"""Of warnings and errors of one kind, `MOST` are written in so many seconds."""

_KINDS_KEPT = 1000
_NUMBERS = re.compile(r"\d+")

_Kind = tuple[str, int, str]
"""The logger, the level, and the line without its values."""


class _Seen(NamedTuple):
    since: float
    written: int
    kept_back: int


class BoundedLines(logging.Filter):
    """Keeps back what would be the fourth line of its kind within a minute; the next one that is
    written says how many there were.

    What says how things go, and what ends something, is always written: levels below WARNING, and
    CRITICAL.
    """

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()
        self._seen: dict[_Kind, _Seen] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is written."""
        if not logging.WARNING <= record.levelno < logging.CRITICAL:
            return True
        kind = (record.name, record.levelno, _NUMBERS.sub("#", str(record.msg)))
        now = time.monotonic()
        with self._lock:
            seen = self._seen.get(kind, _Seen(now, 0, 0))
            begins = now - seen.since >= EVERY_SECONDS
            if not begins and seen.written >= MOST:
                self._seen[kind] = seen._replace(kept_back=seen.kept_back + 1)
                return False
            if len(self._seen) >= _KINDS_KEPT:
                self._seen.clear()
            self._seen[kind] = (
                _Seen(now, 1, 0) if begins else seen._replace(written=seen.written + 1)
            )
        if begins and seen.kept_back:
            record.msg = f"{record.getMessage()} ({seen.kept_back} lines like this were kept back)"
            record.args = ()
        return True
