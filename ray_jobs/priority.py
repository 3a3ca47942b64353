"""Work that gives way to what answers."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

LOWEST = 19
_THREADS = Path("/proc/self/task")


def give_way(niceness: int) -> None:
    """Have every thread of this process, and those that they start, run behind others: in Linux each thread has a
    niceness of its own. At the lowest they have what others leave of the processor.
    """
    threads = [int(each.name) for each in _THREADS.iterdir()] if _THREADS.is_dir() else [0]
    for thread in threads:
        with suppress(ProcessLookupError):  # it has ended meanwhile
            os.setpriority(os.PRIO_PROCESS, thread, niceness)
