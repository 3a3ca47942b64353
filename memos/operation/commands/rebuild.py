"""Rebuilding the projections from the log."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.location import embedded_directory, open_engine
from memos.infrastructure.engine.purpose import Purpose
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.reports import Rebuilt
from memos.kernel.errors import InvalidInput
from memos.operation.session import Session
from memos.operation.validation import check_name, check_path


def rebuild(session: Session, progress: Progress) -> Rebuilt:
    """See `Memory.rebuild`."""
    with session.gate.enter("rebuild") as passage:
        passage.require_vault(Action.ADMINISTER)
        session.access_log.flush()
        return session.engine.maintenance.rebuild(progress)


def rebuild_vault(
    path: str | Path, *, actor: str, accept_loss: bool = False, progress: Progress = no_progress
) -> Rebuilt:
    """Fold the log of a vault again, also of one on servers whose projections are lost.

    Args:
        path: a directory, or a settings file.
        actor: on whose behalf: to accept a loss, who administers the vault.
        accept_loss: of a vault on servers: take the topics that are there now for its log, and make
            those that are missing, also where less is in them than was folded. What only the
            projections had is gone then.
        progress: told (done, total).

    Raises:
        Denied: a loss is to be accepted, and the actor does not administer the vault.
        InvalidInput: `accept_loss` is for a vault on servers.
        LogLost: there is less in the log than was folded, and that is not accepted.
    """
    check_name(actor, "actor")
    vault = check_path(path)
    if accept_loss and embedded_directory(vault) is not None:
        raise InvalidInput(
            f"{path} is one file, log and projections together: accept_loss is for a vault on servers"
        )
    purpose = Purpose.REBUILD_WITH_LOSS if accept_loss else Purpose.REBUILD
    engine = open_engine(vault, actor=actor, clock=system_time, create=False, purpose=purpose)
    with closing(engine):
        return engine.maintenance.rebuild(progress)
