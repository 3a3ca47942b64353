"""Loading an export: into a vault that is made for it, or into one that is there."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from memos.infrastructure.awaited import uninterrupted
from memos.infrastructure.engine.location import (
    embedded_directory,
    holds_vault,
    migration_target,
)
from memos.infrastructure.engine.replay import ReplayTransaction
from memos.infrastructure.progress import Progress
from memos.infrastructure.transfer.load.dump import Dump
from memos.infrastructure.transfer.load.joiner import Joined, load_into
from memos.infrastructure.transfer.load.loader import LoadReport, Making, load_new
from memos.infrastructure.transfer.load.reader import ExportPart
from memos.infrastructure.transfer.migrate.loaded_source import load_servers
from memos.infrastructure.transfer.package import opened
from memos.kernel.errors import InvalidInput, VaultError
from memos.kernel.event import id_text
from memos.operation.commands.destroy import resume_erases
from memos.operation.commands.erase import finish_asked
from memos.operation.commands.imported_erases import Followed, follow_erases
from memos.operation.gate import Passage
from memos.operation.session import Session
from memos.operation.validation import check_name


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportSource:
    """An export that is to be loaded, the increments that go on from it, and what opens them. See
    `Memory.load`.

    Raises:
        InvalidInput: there is no path, or the verifier key is no text.
    """

    paths: Sequence[Path]
    passphrase: str | None = field(default=None, repr=False)
    recipient_key: str | bytes | None = field(default=None, repr=False)
    verifier_key: str | None = None

    def __post_init__(self) -> None:
        if not self.paths:
            raise InvalidInput("name the export that is to be loaded")
        if self.verifier_key is not None:
            check_name(self.verifier_key, "verifier_key")


def make_vault_of(
    source: ExportSource,
    into: Path,
    *,
    actor: str,
    clock: Callable[[], int],
    progress: Progress,
) -> LoadReport | None:
    """Make a vault of an export, administered by the actor; None where there is a vault.

    Raises:
        Refused: the export is damaged, forged, or not for this key; nothing is left behind.
        VaultError: there is something else at `into`.
    """
    check_name(actor, "actor")
    directory = embedded_directory(into)
    if directory is not None and holds_vault(directory):
        return None
    if directory is not None and not _is_free(directory):
        raise VaultError(f"{directory} is not empty and holds no vault: name another directory")
    with _checked(source, directory or into, progress) as dump:
        making = Making(actor, clock, progress)
        if directory is not None:
            return load_new(dump, directory, making)
        made = migration_target(into, administrator=actor)
        with closing(made) as target:
            return load_servers(dump, target, str(source.paths[-1]), into, making)


@contextmanager
def _checked(source: ExportSource, workplace: Path, progress: Progress) -> Iterator[Dump]:
    """The export and its increments, of which every byte is as it was signed.

    Raises:
        Refused: that is not so, or one does not go on from the one before it.
    """
    with ExitStack() as stack:
        dump = Dump(
            [
                ExportPart(stack.enter_context(opened(path, workplace)), source.verifier_key)
                for path in source.paths
            ]
        )
        dump.unlock(source.passphrase, source.recipient_key)
        dump.check_log(progress)
        yield dump


def import_export(session: Session, source: ExportSource, progress: Progress) -> LoadReport:
    """See `Memory.import_export`."""
    with session.gate.enter("load") as passage:
        passage.admit()  # the administrator of each tenant of the export is asked for below
        replay = session.engine.replay("import_export")
        resume_erases(session)  # an import that was killed may have asked for some
        with _checked(source, replay.workplace, progress) as dump:

            def follow(
                transaction: ReplayTransaction, joined: Joined
            ) -> tuple[LoadReport, Followed]:
                followed = follow_erases(session, passage, transaction.own, joined, dump)
                return joined.report, followed

            report, followed = load_into(
                *(replay, dump, passage.require_administrator, follow, progress)
            )
        erased = _finished(session, passage, followed)
        left = tuple(map(id_text, followed.held))
        return replace(report, erased=(*report.erased, *erased), left=left)


@uninterrupted
def _finished(session: Session, passage: Passage, followed: Followed) -> list[str]:
    """Bring to their end the erases that were asked for; what they took."""
    receipts = finish_asked(session, followed.operation_ids, passage)
    return [cube_id for receipt in receipts for cube_id in receipt.cube_ids]


def warn_of_refused(report: LoadReport) -> None:
    """Warn the caller's caller of cubes that were not taken, and of what cannot be told."""
    if report.refused:
        shown = ", ".join(f"{cube.cube_id} ({cube.reason})" for cube in report.refused[:3])
        warnings.warn(
            f"{len(report.refused)} cubes of the export were refused: {shown}; see load_report",
            stacklevel=3,
        )
    if report.left:
        warnings.warn(
            f"{len(report.left)} memories are held that an erase in an export takes along "
            f"({', '.join(report.left[:3])}): lift the hold, and the next sweep erases them",
            stacklevel=3,
        )
    if report.untold:
        warnings.warn(
            f"of {len(report.untold)} cubes of the export nobody can tell whether their subject was "
            f"erased here ({', '.join(report.untold[:3])}): see load_report.untold, and erase the "
            "subject again where it may be among them",
            stacklevel=3,
        )


def _is_free(directory: Path) -> bool:
    return not directory.exists() or (directory.is_dir() and not any(directory.iterdir()))
