"""The generations of the projections of a vault on servers: listing them, and removing former ones."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.location import open_engine
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.reports import GenerationStatus
from memos.operation.session import Session
from memos.operation.validation import check_name, check_path


@dataclass(frozen=True, slots=True)
class GenerationsReport:
    """The generations that there are; `removed` are the numbers of those that were removed."""

    generations: tuple[GenerationStatus, ...]
    removed: tuple[int, ...]


def vault_generations(path: str | Path, *, actor: str, remove: bool = False) -> GenerationsReport:
    """List the generations of a vault's projections; none of a vault in a directory, whose rebuild
    replaces them in place.

    Args:
        path: a directory, or a settings file.
        actor: on whose behalf; to remove, who administers the vault.
        remove: remove those that a rebuild replaced, and what killed rebuilds and audits left over.

    Raises:
        Denied: some are to be removed, and the actor does not administer the vault.
        VaultError: some are to be removed while a rebuild is under way.
    """
    check_name(actor, "actor")
    engine = open_engine(check_path(path), actor=actor, clock=system_time, create=False)
    session = Session(engine, actor=actor, tenant="", clock=system_time, governor=None)
    with closing(session):
        removed = _removed(session) if remove else ()
        with session.gate.enter("generations") as passage:
            passage.require_vault(Action.READ)
            return GenerationsReport(engine.maintenance.generations(), removed)


def _removed(session: Session) -> tuple[int, ...]:
    with session.gate.enter("remove_generations") as passage:
        passage.require_administrator("")
        removed = session.engine.maintenance.remove_generations(outlived=False)
        return tuple(each.number for each in removed)
