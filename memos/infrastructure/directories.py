"""Directories in which something is built before it gets its name."""

from __future__ import annotations

import shutil
from pathlib import Path


def remove_tree(directory: Path) -> None:
    """Remove a directory, if it is there, with all in it; what interrupts that is raised afterwards."""
    try:
        shutil.rmtree(directory, ignore_errors=True)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
