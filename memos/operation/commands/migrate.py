"""Moving a vault from an engine to the other."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.location import migration_target, open_engine
from memos.infrastructure.engine.purpose import Purpose
from memos.infrastructure.governance.decision import Governor
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.transfer.migrate.migration import MigrationReport
from memos.infrastructure.transfer.migrate.migration import migrate as move
from memos.kernel.errors import InvalidInput
from memos.operation.reads.records import require_everything
from memos.operation.session import Session
from memos.operation.validation import check_name, check_path


def migrate(
    source: str | Path,
    target: str | Path,
    *,
    actor: str,
    governor: Governor | None = None,
    progress: Progress = no_progress,
) -> MigrationReport:
    """Move a vault to another place, on the same engine or the other one. The source stays.

    The target has the same memories, versions, ids, keys, receipts, named cuts and usage, and the
    same digest; its log begins with the source's signed checkpoints. Interrupted, it goes on where
    it was when called again; until it is done nobody else can open the target.

    Args:
        source: a directory or a settings file. An embedded vault takes no writes meanwhile; of a
            distributed one the workers may run, and the writers must be stopped.
        target: a directory or settings file of a vault that is not there yet.
        actor: on whose behalf: an administrator of the source, who also administers the target.
        governor: decides in the place of the rules of the headers.
        progress: told (done, total).

    Raises:
        Denied: the actor does not administer the source.
        Refused: the target holds something else, an erase is under way, or somebody wrote to the
            source meanwhile.
    """
    check_name(actor, "actor")
    leaving, going = check_path(source, "source"), check_path(target, "target")
    if os.path.realpath(leaving) == os.path.realpath(going):
        raise InvalidInput(f"{source} is both ends: name another target")
    engine = open_engine(
        leaving, actor=actor, clock=system_time, create=False, purpose=Purpose.LEAVE
    )
    session = Session(engine, actor=actor, tenant="", clock=system_time, governor=governor)
    with closing(session), session.gate.enter("migrate") as passage:
        with engine.stream() as reader:
            require_everything(passage, reader)
        vault = migration_target(going, administrator=actor)
        with closing(vault):
            return move(engine.departure(), vault, progress)
