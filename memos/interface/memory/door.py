"""What every family of a vault's calls works on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memos.operation.session import Session


class Door:
    """An open vault on behalf of an actor. `Memory` is made of its families of calls."""

    _path: Path
    _session: Session
