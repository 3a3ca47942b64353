"""The doctor: what is wrong with a vault of either engine."""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.engine.location import examine
from memos.infrastructure.reports import Finding


def doctor(path: str | Path) -> tuple[Finding, ...]:
    """What is wrong with a vault, and how to mend it; empty where all is well.

    Args:
        path: the vault's directory, or its settings file; of a distributed vault the servers and
            workers are examined too.

    Raises:
        InvalidInput: there is no such settings file.
    """
    return examine(Path(path))
