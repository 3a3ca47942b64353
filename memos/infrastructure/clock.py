"""The clock: the one place where MemOS asks for the time of day."""

from __future__ import annotations

import time

CLOCK_AHEAD_SECONDS = 60
"""How far a log may be ahead of this machine's clock before a doctor says so."""


def system_time() -> int:
    """Microseconds since 1970 by this machine's clock."""
    return time.time_ns() // 1000
