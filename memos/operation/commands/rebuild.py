"""Rebuilding the projections from the log."""

from __future__ import annotations

from memos.infrastructure.progress import Progress
from memos.infrastructure.reports import Rebuilt
from memos.operation.session import Session


def rebuild(session: Session, progress: Progress) -> Rebuilt:
    """See `Memory.rebuild`."""
    with session.gate.enter("rebuild") as passage:
        passage.require_vault()
        session.access_log.flush()
        return session.engine.maintenance.rebuild(progress)
