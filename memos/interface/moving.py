"""The part of the Memory API that moves memories between vaults."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.location import (
    embedded_directory,
    holds_vault,
    migration_target,
)
from memos.infrastructure.governance.access_log import Access
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.transfer.export.dumper import MemDumper
from memos.infrastructure.transfer.load.joiner import load_into
from memos.infrastructure.transfer.load.loader import LoadReport, Making, load_new
from memos.infrastructure.transfer.load.reader import Dump
from memos.infrastructure.transfer.migrate.loaded_source import load_servers
from memos.infrastructure.transfer.package import check_free, opened, publish, staged
from memos.infrastructure.transfer.wrapping import unwrap, wrap
from memos.kernel.errors import VaultError
from memos.kernel.scope import check_scope
from memos.operation import validation as validate
from memos.operation.commands.export import (
    ExportReport,
    check_not_erased_since,
    describe_clear,
    describe_sealed,
    export_report,
    require_administrator,
    selection_of,
)
from memos.operation.commands.import_file import ImportReport, import_items
from memos.operation.cube import as_datetime
from memos.operation.search.filters import compile_filter
from memos.operation.session import Session, analyse


class Moving:
    """Export, load, and import of what other programs wrote."""

    _session: Session
    load_report: LoadReport | None = None
    """What `load` did, on the vault that it returned."""

    if TYPE_CHECKING:

        def __init__(
            self, path: str | Path, *, actor: str = "", clock: Callable[[], int] = system_time
        ) -> None: ...

        def close(self) -> None: ...

    def export(
        self,
        path: str | Path,
        *,
        scope: str | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        recipient: str | bytes | None = None,
        passphrase: str | None = None,
        progress: Progress = no_progress,
    ) -> ExportReport:
        """Write memories, with their whole history, to a new directory, or a `.tar` or `.memos` file.

        Without `scope` and `filter` it is the whole vault: `load` gives the same digest, and only
        an administrator may do it. With them it is the memories that match and that the actor may
        read; operations over several cubes (rollbacks, erases, cuts) stay behind, what they did to
        each memory travels.

        Args:
            path: where to; nothing may be there yet.
            scope: only memories in or under this scope.
            filter: only memories of which this holds now: see `memos.operation.search.filters`.
            recipient: wrap the keys to this X25519 public key: see `new_recipient`.
            passphrase: wrap the keys to this passphrase. Without either, all is in clear.
            progress: told (done, total).

        Raises:
            Denied: the whole vault, by another than its administrator.
            InvalidInput: an argument does not fit, or the path is taken.
            VaultError: it could not be written; nothing is left at the path.
        """
        session = self._session
        target = Path(path)
        check_free(target)
        wrapping = wrap(recipient, passphrase)
        accepts = compile_filter(filter)
        if scope is not None:
            check_scope(scope)
        elif session.subject.tenant:
            scope = session.subject.tenant
        if scope is None and filter is None:
            require_administrator(session, "", "export")
        else:
            session.require(Action.READ, scope or "", operation="export")
        session.access_log.flush()
        with staged(target) as stage:
            with session.engine.dump() as source:
                selection = selection_of(session, source, scope, filter, accepts)
                dumper = MemDumper(
                    source,
                    session.engine,
                    stage,
                    selection,
                    wrapping,
                    describe_clear if wrapping.in_clear else describe_sealed,
                    progress,
                )
                dumped = dumper.dump(as_datetime(session.clock()).isoformat())
            check_not_erased_since(session, dumped)
            publish(stage, target)
        session.access_log.record(
            Access(session.actor, "export", scope or "", session.clock(), at=dumped.at)
        )
        return export_report(session, target, selection, dumped, wrapping)

    @classmethod
    def load(
        cls,
        path: str | Path,
        into: str | Path,
        *,
        actor: str = "user:local",
        passphrase: str | None = None,
        recipient_key: str | bytes | None = None,
        verifier_key: str | None = None,
        clock: Callable[[], int] = system_time,
        progress: Progress = no_progress,
    ) -> Self:
        """Open the vault `into` with what an export holds; `load_report` says what was done.

        A new vault is made where there is none: same digest, versions, positions and log times.
        Where `into` is the settings file of a distributed vault, the servers must hold nothing of
        it yet and its workers must not run; interrupted, it goes on where it was when called again.
        A vault that is there keeps what it has, as in `import_export`; cubes that it refused
        are in `load_report.refused`, and a warning says so.

        Args:
            path: the export, a directory or a file.
            into: the vault's directory, or its settings file.
            actor: on whose behalf; who makes a vault administers it.
            passphrase: what the keys are wrapped to.
            recipient_key: the private half of what the keys are wrapped to.
            verifier_key: accept only an export of the vault with this key.
            clock: microseconds since 1970; for tests.
            progress: told (done, total).

        Raises:
            Refused: the export is damaged, forged, or not for this key; nothing is left behind. Or
                the servers hold something else.
            Denied: the vault is there, and the actor does not administer it.
        """
        validate.check_name(actor, "actor")
        directory = embedded_directory(Path(into))
        if directory is not None and holds_vault(directory):
            memory = cls(into, actor=actor, clock=clock)
            try:
                memory.load_report = memory.import_export(
                    path,
                    passphrase=passphrase,
                    recipient_key=recipient_key,
                    verifier_key=verifier_key,
                    progress=progress,
                )
            except BaseException:
                memory.close()
                raise
            _warn_of_refused(memory.load_report)
            return memory
        if directory is not None and not _is_free(directory):
            raise VaultError(f"{directory} is not empty and holds no vault: name another directory")
        with opened(Path(path), directory or Path(into)) as files:
            dump = Dump(files, verifier_key)
            wrapping = unwrap(dump.manifest.keys, passphrase, recipient_key)
            dump.check_log(progress)
            making = Making(analyse, actor, clock, progress)
            if directory is not None:
                report = load_new(dump, wrapping, directory, making)
            else:
                made = migration_target(Path(into), analyse=analyse, administrator=actor)
                with closing(made) as target:
                    report = load_servers(dump, wrapping, target, str(path), Path(into), making)
        memory = cls(into, actor=actor, clock=clock)
        memory.load_report = report
        return memory

    def import_export(
        self,
        path: str | Path,
        *,
        passphrase: str | None = None,
        recipient_key: str | bytes | None = None,
        verifier_key: str | None = None,
        progress: Progress = no_progress,
    ) -> LoadReport:
        """Take the memories of an export into this vault, in one transaction.

        Cubes that were erased here, whose subject was erased here since, that derive from one of
        these, or that have another history here, are refused; the report names them. Repeated, it
        changes nothing.

        Args:
            path: the export, a directory or a file.
            passphrase: what the keys are wrapped to.
            recipient_key: the private half of what the keys are wrapped to.
            verifier_key: accept only an export of the vault with this key.
            progress: told (done, total).

        Raises:
            Refused: the export is damaged, forged, or not for this key; nothing was taken.
            Denied: the actor administers not every tenant of the export; nothing was taken.
        """
        session = self._session
        replay = session.engine.replay("import_export")
        with opened(Path(path), replay.workplace) as directory:
            dump = Dump(directory, verifier_key)
            wrapping = unwrap(dump.manifest.keys, passphrase, recipient_key)
            dump.check_log(progress)
            return load_into(
                replay,
                dump,
                wrapping,
                lambda tenant: require_administrator(session, tenant, "load"),
                progress,
            )

    def import_file(
        self,
        path: str | Path,
        *,
        scope: str,
        format: str = "auto",  # noqa: A002 - the field's word
        progress: Progress = no_progress,
    ) -> ImportReport:
        """Remember what another program wrote, one memory an item.

        The whole file is checked before anything is written. Each item carries an idempotency key
        made of its content and place, so that a repeated import has one effect.

        Args:
            path: a file, or a folder of Markdown.
            scope: where the memories go; formats with several conversations make scopes under it.
            format: jsonl, messages, locomo, markdown or mem0; `auto` looks at name and content.
            progress: told (done, total).

        Raises:
            Refused: the file is not of that format; the message names the line or item, and
                nothing was written.
        """
        return import_items(self._session, Path(path), scope, format, progress)


def _is_free(directory: Path) -> bool:
    return not directory.exists() or (directory.is_dir() and not any(directory.iterdir()))


def _warn_of_refused(report: LoadReport) -> None:
    if report.refused:
        shown = ", ".join(f"{cube.cube_id} ({cube.reason})" for cube in report.refused[:3])
        warnings.warn(
            f"{len(report.refused)} cubes of the export were refused: {shown}; see load_report",
            stacklevel=3,
        )
