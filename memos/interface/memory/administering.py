"""Calls about the vault: who administers it, its figures, its projections and keys."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from memos.infrastructure.progress import Progress, no_progress
from memos.interface.memory.door import Door
from memos.operation.validation import (
    check_callable,
)

if TYPE_CHECKING:
    from memos.infrastructure.reports import Rebuilt, RootRotated
    from memos.operation.reads.vault import Stats
    from memos.operation.receipt import Receipt


class AdministeringCalls(Door):
    """Calls about the vault: who administers it, its figures, its projections and keys. See `Memory`."""

    def grant_administrator(self, tenant: str, actor: str) -> Receipt:
        """Make an actor administrator of a tenant.

        They may do with every memory of the tenant what its owner may, hold and erase it, sweep
        the tenant, and name further administrators. Who made the vault administers every tenant.

        Args:
            tenant: the first segment of its scopes.
            actor: who is to administer it.

        Raises:
            Denied: the caller does not administer the tenant.
        """
        from memos.operation.commands.administrators import grant_administrator

        return grant_administrator(self._session, tenant, actor)

    def revoke_administrator(self, tenant: str, actor: str) -> Receipt:
        """Take from an actor what `grant_administrator` gave; harmless where they have it not.

        Raises:
            Denied: the caller does not administer the tenant.
        """
        from memos.operation.commands.administrators import revoke_administrator

        return revoke_administrator(self._session, tenant, actor)

    def administrators(self, tenant: str) -> tuple[str, ...]:
        """The tenant's own administrators, in order; who administers the whole vault is not listed.

        Raises:
            Denied: the tenant is not the caller's.
        """
        from memos.operation.commands.administrators import administrators

        return administrators(self._session, tenant)

    def name_cut(self, name: str) -> Receipt:
        """Name this moment, for `as_of` and `rollback(cut=...)`.

        Raises:
            IllegalMove: the name is taken.
        """
        from memos.operation.commands.cut import name_cut

        return name_cut(self._session, name)

    def cuts(self) -> dict[str, int]:
        """The named cuts, and the number of records before each."""
        from memos.operation.reads import vault

        return vault.cuts(self._session)

    def rebuild(self, progress: Progress = no_progress) -> Rebuilt:
        """Fold the log again in place of every projection; `digest` must come out the same. On servers one
        rebuild waits for another.
        """
        from memos.operation.commands.rebuild import rebuild

        return rebuild(self._session, check_callable(progress, "progress"))

    def rotate_root_key(
        self, new_key: str | Path | None = None, progress: Progress = no_progress
    ) -> RootRotated:
        """Put another root key in the place of the vault's, and wrap all that the old one wraps under it;
        or finish that, where an earlier call was cut off. Memories, proofs and receipts are as before.

        Only the vault's administrator may. The new key is in the root key's file then, the old one beside
        it as `.old`, which opens nothing but backups of before. Other programs that have the vault open
        take the new key from that file; on other machines it has to be put there.

        Args:
            new_key: a file with the new root key, 64 hexadecimal digits; by default one is made.
            progress: told (done, 0) of the keys that were looked at, on servers.

        Raises:
            Denied: the actor does not administer the vault.
            InvalidInput: there is no such file, or what it holds cannot be the new root key.
            VaultError: the new root key cannot be written, or another process rotates it.
        """
        from memos.operation.commands.rotate_root_key import rotate_root_key

        return rotate_root_key(self._session, new_key, check_callable(progress, "progress"))

    def digest(self) -> str:
        """SHA-256 over every cube: two vaults with the same history have the same digest."""
        from memos.operation.reads import vault

        return vault.digest(self._session)

    def usage_digest(self) -> str:
        """SHA-256 over how often and when last each cube was used; `digest` leaves usage out."""
        from memos.operation.reads import vault

        return vault.usage_digest(self._session)

    def stats(self) -> Stats:
        """Figures of the vault."""
        from memos.operation.reads import vault

        return vault.stats(self._session)
