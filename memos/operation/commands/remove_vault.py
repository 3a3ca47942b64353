"""Removing a vault, all of it."""

from __future__ import annotations

from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from memos.infrastructure.engine.location import vault_removal
from memos.kernel.errors import Denied
from memos.operation.validation import check_name, check_path


@dataclass(frozen=True, slots=True)
class VaultRemoved:
    """What was removed of a vault, or would be (`dry_run`), and what stays, each with the reason."""

    path: str
    removed: tuple[str, ...]
    kept: tuple[str, ...]
    dry_run: bool


def remove_vault(path: str | Path, *, actor: str, dry_run: bool = False) -> VaultRemoved:
    """Remove a vault for good, and nothing of another one.

    Of a distributed one its topics, keyspaces and collections; of an embedded one its files, and the
    directory, where nothing else is in it.

    Args:
        path: the vault's directory, or its settings file.
        actor: the vault's administrator.
        dry_run: only say what would be removed.

    Raises:
        Denied: the actor does not administer the vault.
        Refused: its workers are running.
        VaultError: there is no such vault, or a server does not answer.
    """
    check_name(actor, "actor")
    vault = check_path(path)
    with closing(vault_removal(vault)) as removal:
        if actor != removal.administrator:
            raise Denied(
                f"only the vault's administrator, {removal.administrator}, removes it; not {actor}",
                "owner-only",
            )
        told = VaultRemoved(str(vault), tuple(removal.goes()), tuple(removal.stays()), dry_run)
        if not dry_run:
            removal.remove()
    return told
