"""The part of the Memory API that moves memories between vaults."""

from __future__ import annotations

from memos.interface.session import Session


class Moving:
    """Export and load."""

    _session: Session
