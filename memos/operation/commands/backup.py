"""Backing up a vault, and restoring one: what was erased since its backup stays erased."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.location import vault_restoration
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.reports import BackedUp
from memos.operation.commands.destroy import resume_erases
from memos.operation.commands.listed_erases import erase_listed
from memos.operation.session import Session
from memos.operation.validation import check_flag, check_name, check_path


@dataclass(frozen=True, slots=True)
class VaultRestored:
    """A vault that was restored from a backup, of `events` records.

    `erased` are the memories that were erased again, since the list of erases names them. `missing` says
    what the backup does not have, and `doubts` why somebody may be back who was erased; `keys_missing`
    counts the memories that nobody erased and that no key opens.
    """

    path: str
    origin: str
    events: int
    erased: tuple[str, ...]
    missing: tuple[str, ...]
    doubts: tuple[str, ...]
    keys_missing: int

    @property
    def ok(self) -> bool:
        """Whether all is there that was backed up, and nobody who was erased can be back."""
        return not self.doubts and not self.keys_missing


def backup(
    session: Session, directory: str | Path, keys: str | Path | None, progress: Progress
) -> BackedUp:
    """See `Memory.backup`."""
    place = check_path(directory, "directory")
    apart = None if keys is None else check_path(keys, "keys")
    with session.gate.enter("backup") as passage:
        passage.require_vault(Action.ADMINISTER)
        passage.require_administrator("")
        session.access_log.flush()
        return session.engine.maintenance.backup(place, apart, progress)


def restore_vault(
    backup: str | Path,
    path: str | Path,
    *,
    actor: str,
    keys: str | Path | None = None,
    erased: Sequence[str | Path] = (),
    erased_lost: bool = False,
    progress: Progress = no_progress,
) -> VaultRestored:
    """Make a vault of a backup: the same vault, as it was when it was backed up.

    Before it opens, what was erased since is erased again, as the lists of erases say; a hold that was on
    when the backup was made stops none of it. Cut off, nothing of the vault is there.

    Args:
        backup: the directory that `Memory.backup` made.
        path: the vault's directory: a new one.
        actor: in whose name what was erased is erased again.
        keys: the directory with the keys, where they are apart: of this backup or a later one. The list
            of erases that lies there counts.
        erased: the vault's lists of erases, `erased.jsonl`, the newest that there is.
        erased_lost: there is no list: what was erased since the backup comes back.
        progress: told (done, total) of the records that are checked.

    Raises:
        InvalidInput: a file is missing, the directory is not empty, no list was named, or one of another
            vault.
        Damaged: a file is not what was backed up, or the vault is damaged; nothing was made.
        VaultError: it is a vault on servers, or cannot be written.
    """
    check_name(actor, "actor")
    check_flag(erased_lost, "erased_lost")
    restoration = vault_restoration(
        check_path(backup, "backup"),
        check_path(path),
        None if keys is None else check_path(keys, "keys"),
        [check_path(each, "erased") for each in erased],
        is_list_lost=erased_lost,
    )
    with restoration.restored() as engine:
        doubts = tuple(restoration.doubts(engine))
        missing = tuple(restoration.missing())
        session = Session(engine, actor=actor, tenant="", clock=system_time, governor=None)
        with closing(session):
            again = erase_listed(session)
            resume_erases(session)
            checked = restoration.check(engine, progress)
            return VaultRestored(
                str(path),
                engine.origin,
                checked.events,
                again,
                missing,
                doubts,
                checked.keys_missing,
            )
