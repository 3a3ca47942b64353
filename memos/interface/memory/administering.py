"""Calls about the vault: who administers it, its figures, its projections and keys."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from memos.infrastructure.progress import Progress, no_progress
from memos.interface.memory.door import Door
from memos.operation.validation import (
    check_callable,
)

if TYPE_CHECKING:
    from memos.infrastructure.reports import Rebuilt, RootRotated
    from memos.operation.api_key import ApiKey, CreatedApiKey
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

    def create_api_key(
        self,
        actor: str,
        *,
        tenant: str | None,
        name: str = "",
        actions: Iterable[str] = ("read", "create", "write"),
        scopes: Iterable[str] = (),
        expires_after: timedelta | str | None = "90d",
    ) -> CreatedApiKey:
        """Issue a key by which an actor calls through a server: see `as_api_key`. Its text is told
        here, and never again.

        It never gives more than the actor has: what governance refuses them, it refuses by the key.

        Args:
            actor: on whose behalf the key calls.
            tenant: what it is narrowed to; None for a key of the whole vault, such as an auditor's.
            name: what people call it; in clear in the log, as the actor is.
            actions: what it may do at most: `read`, `create`, `write`, `administer`.
            scopes: what it reaches at most, 16 of the tenant's; by default the whole tenant. What is
                outside is to the key as another tenant's. A key of the whole vault has none.
            expires_after: a duration from now, such as `90d`; None for never.

        Raises:
            Denied: the caller does not administer the tenant, or for None the vault; or came by a
                key that may less.
            IllegalMove: the tenant has 256 keys that have not ended.
        """
        from memos.operation.commands.api_keys import create_api_key

        return create_api_key(
            self._session,
            actor,
            tenant=tenant,
            name=name,
            actions=actions,
            scopes=scopes,
            expires_after=expires_after,
        )

    def api_keys(self, tenant: str | None) -> tuple[ApiKey, ...]:
        """The tenant's keys that have not ended, or for None those of the whole vault, in the order in
        which they were issued.

        `last_used` is noted once an hour at most.

        Raises:
            Denied: the caller does not administer the tenant, or for None the vault.
        """
        from memos.operation.commands.api_keys import api_keys

        return api_keys(self._session, tenant)

    def rotate_api_key(
        self, key_id: str, *, tenant: str | None, overlap: timedelta | str | None = "1h"
    ) -> CreatedApiKey:
        """Issue a key in the place of one: for the same actor, actions and scopes, and for as long as
        that one was issued for. The text of the new key is told here, and never again.

        Args:
            key_id: the key that is replaced.
            tenant: whose it is; None for one of the whole vault.
            overlap: how much longer the old key is good, if it does not expire before; None for it
                to end now.

        Raises:
            Denied: the caller does not administer the tenant, or for None the vault; or came by a
                key that may less.
            NotFound: there is no such key, or it has ended.
            IllegalMove: the key was rotated already, or the tenant has 256 keys.
        """
        from memos.operation.commands.api_keys import rotate_api_key

        return rotate_api_key(self._session, key_id, tenant=tenant, overlap=overlap)

    def revoke_api_key(self, key_id: str, *, tenant: str | None) -> Receipt:
        """End a key for good: at once here, and within a quarter of a second in every other process that
        has the vault open.

        Args:
            key_id: the key, as `api_keys` names it.
            tenant: whose it is; None for one of the whole vault.

        Raises:
            Denied: the caller does not administer the tenant, or for None the vault.
            NotFound: there is no such key, or it has ended.
        """
        from memos.operation.commands.api_keys import revoke_api_key

        return revoke_api_key(self._session, key_id, tenant=tenant)

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
