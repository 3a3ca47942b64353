"""From what a caller names to an engine: a directory is an embedded vault, a .toml its settings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from memos.infrastructure.embedded import EmbeddedEngine
from memos.infrastructure.engine import Engine
from memos.interface.session import analyse


def open_engine(path: Path, *, actor: str, clock: Callable[[], int], create: bool) -> Engine:
    """Open the vault that a path names.

    Raises:
        VaultError: it cannot be opened.
    """
    return EmbeddedEngine(path, analyse, clock=clock, create=create, creator=actor)
