"""On what a long run was made: kept beside its figures."""

from __future__ import annotations

import os
import platform


def machine() -> dict[str, object]:
    """Processors, their kind, the system, and Python's version."""
    return {
        "cpus": os.cpu_count(),
        "processor": platform.machine(),
        "system": platform.system(),
        "python": platform.python_version(),
    }
