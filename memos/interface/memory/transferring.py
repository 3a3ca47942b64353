"""Calls that bring memories in, and take them out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from memos.infrastructure.progress import Progress, no_progress
from memos.interface.memory.door import Door
from memos.operation.validation import (
    check_callable,
    check_path,
    check_paths,
)

if TYPE_CHECKING:
    from memos.infrastructure.log.ancestry import Ancestor
    from memos.infrastructure.reports import BackedUp
    from memos.infrastructure.transfer.load.loader import LoadReport
    from memos.operation.commands.export import ExportReport
    from memos.operation.commands.importing.file import ImportReport


class TransferringCalls(Door):
    """Calls that bring memories in, and take them out. See `Memory`."""

    def export(
        self,
        path: str | Path,
        *,
        scope: str | None = None,
        filter: Mapping[str, Any] | None = None,  # noqa: A002 - the field's word
        recipient: str | bytes | None = None,
        passphrase: str | None = None,
        since: str | Path | None = None,
        progress: Progress = no_progress,
    ) -> ExportReport:
        """Write memories, with their whole history, to a new directory, or a `.tar`, `.memos` (a tar)
        or `.zip` file.

        Without `scope` and `filter` it is the whole vault: `load` gives the same digest, and only
        an administrator may do it. With them it is the memories that match and that the actor may
        read; operations over several cubes (rollbacks, erases, cuts) stay behind, what they did to
        each memory travels. With `since` it is an increment: what came to the whole vault behind an
        earlier export of it, or behind another increment.

        Args:
            path: where to; nothing may be there yet.
            scope: only memories in or under this scope.
            filter: only memories of which this holds now: see `memos.operation.search.filters`.
            recipient: wrap the keys to this X25519 public key: see `new_recipient`.
            passphrase: wrap the keys to this passphrase. Without either, all is in clear.
            since: the export or increment that this one goes on from. Only its manifest is read; a
                caller who is narrowed to one tenant makes no increment.
            progress: told (done, total).

        Raises:
            Denied: the whole vault, by another than its administrator.
            InvalidInput: an argument does not fit, or the path is taken.
            Refused: `since` is not of this vault, or of a part of it, or its log is another since.
            VaultError: it could not be written; nothing is left at the path.
        """
        from memos.operation.commands.export import ExportRequest, export

        request = ExportRequest(
            path=check_path(path),
            scope=scope,
            filter=filter,
            recipient=recipient,
            passphrase=passphrase,
            since=None if since is None else check_path(since, "since"),
        )
        return export(self._session, request, check_callable(progress, "progress"))

    def backup(
        self,
        directory: str | Path,
        *,
        keys: str | Path | None = None,
        progress: Progress = no_progress,
    ) -> BackedUp:
        """Copy the vault as it is now into a new directory, while it is used, and verify the copy.

        Only the vault's administrator may. `restore_vault` makes the same vault of it. The list of
        erases, `erased.jsonl` in the vault's directory, is in no backup: keep a copy of it elsewhere, for
        a restore holds an older backup to it. An erase waits for up to ten seconds for a backup that is
        being copied before it says that files may hold destroyed keys still.

        Args:
            directory: where to.
            keys: another new directory for the root key, the key file and a copy of the list of
                erases; the newest keys open every older backup.
            progress: told (done, total).

        Raises:
            Denied: the actor does not administer the vault.
            InvalidInput: a directory is not empty.
            Damaged: the vault, or the copy, is damaged; no backup was made.
            VaultError: it cannot be written; or it is a vault on servers, which docs/backup.md tells how
                to back up.
        """
        from memos.operation.commands.backup import backup

        return backup(self._session, directory, keys, check_callable(progress, "progress"))

    def import_export(
        self,
        path: str | Path | Sequence[str | Path],
        *,
        passphrase: str | None = None,
        recipient_key: str | bytes | None = None,
        verifier_key: str | None = None,
        progress: Progress = no_progress,
    ) -> LoadReport:
        """Take the memories of an export into this vault, in one transaction.

        Cubes that were erased here, whose subject was erased here since, that derive from one of
        these, or that have another history here, are refused; the report names them. What the
        export says is erased is erased here, too, whatever became of it, with what was made of it
        here; what is held of that goes with the first sweep once its hold is lifted. Repeated, it
        changes nothing.

        Args:
            path: the export, a directory or a file; or a list as `load` takes it.
            passphrase: what the keys are wrapped to.
            recipient_key: the private half of what the keys are wrapped to.
            verifier_key: accept only an export of the vault with this key.
            progress: told (done, total).

        Raises:
            Refused: the export is damaged, forged, or not for this key; nothing was taken.
            Denied: the actor administers not every tenant of the export; nothing was taken.
        """
        from memos.operation.commands.load import ExportSource, import_export

        source = ExportSource(
            paths=check_paths(path),
            passphrase=passphrase,
            recipient_key=recipient_key,
            verifier_key=verifier_key,
        )
        return import_export(self._session, source, check_callable(progress, "progress"))

    def import_file(
        self,
        path: str | Path | Iterable[str | Path],
        *,
        scope: str,
        format: str = "auto",  # noqa: A002 - the field's word
        root: str | None = None,
        subject: str | None = None,
        tags: Iterable[str] = (),
        timezone: str = "UTC",
        prune: bool = False,
        yes: bool = False,
        again: bool = False,
        dry_run: bool = False,
        skip_bad: bool = False,
        progress: Progress = no_progress,
    ) -> ImportReport:
        """Remember what another program wrote, one memory an item; importing it again takes over what
        has changed since.

        Everything is checked before anything is written. An item is known again by its own id, else by
        its file and the headings above it, else by its file and what it says: one that changed is a new
        version of its memory, one that was moved keeps its history, and for one that is as it was
        nothing is written. Cut off, it goes on where it was when it is called again.

        Args:
            path: a file, or a folder of Markdown; or several.
            scope: where the memories go; formats with several conversations make scopes under it.
            format: markdown, jsonl, messages, chatgpt, claude, mem0, ...: docs/importers.md lists
                them, with what each keeps; `auto` tells a file's format by its shape.
            root: a name for what is imported, such as `handbook`: it is the same wherever its files
                lie. By default it is the path on this machine.
            subject: whom the memories are about, where the file does not say it.
            tags: of every memory, beside its own.
            timezone: of times that name none, such as `Europe/Oslo`.
            prune: archive the memories from the same root that are no longer there.
            yes: also where these are more than a fifth of all from there.
            again: bring back what was erased, archived or undone since it was imported.
            dry_run: write nothing, and say what would be done; it refuses what the import would.
            skip_bad: leave out what cannot be read or may not be changed, and import the rest.
            progress: told (done, total).

        Raises:
            Refused: items cannot be read, or their memories are frozen or others govern them, and the
                message names them by line or item; or there are none; or `prune` would archive too
                much. Nothing was written.
        """
        from memos.operation.commands.importing.file import import_file
        from memos.operation.commands.importing.request import ImportRequest

        request = ImportRequest(
            path=path,
            scope=scope,
            format=format,
            root=root,
            subject=subject,
            tags=tags,
            timezone=timezone,
            prune=prune,
            yes=yes,
            again=again,
            dry_run=dry_run,
            skip_bad=skip_bad,
        )
        return import_file(self._session, request, check_callable(progress, "progress"))

    def migrated_from(self) -> tuple[Ancestor, ...]:
        """The logs that this vault was moved here from, the oldest first.

        A proof that was made there holds with that log's `verifier_key`; `checkpoints` are the last
        ones it signed, over everything that was moved.
        """
        from memos.operation.reads import vault

        return vault.migrated_from(self._session)
