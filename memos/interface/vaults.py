"""Whole vaults, from outside: making one, moving one, restoring one, removing one, and saying what is wrong with one."""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.engine.location import examine
from memos.infrastructure.governance.access_log import unwritten_accesses
from memos.infrastructure.reports import Finding
from memos.infrastructure.transfer.migrate.migration import MigrationReport
from memos.operation.commands.backup import VaultRestored, restore_vault
from memos.operation.commands.create_vault import VaultMade, create_vault
from memos.operation.commands.generations import GenerationsReport, vault_generations
from memos.operation.commands.migrate import migrate
from memos.operation.commands.rebuild import rebuild_vault
from memos.operation.commands.remove_vault import VaultRemoved, remove_vault
from memos.operation.commands.rotate_root_key import check_root_key
from memos.operation.validation import check_path


def doctor(path: str | Path) -> tuple[Finding, ...]:
    """What is wrong with a vault, and how to mend it; empty where all is well.

    Args:
        path: the vault's directory, or its settings file; of a distributed vault the servers and
            workers are examined too, and of a vault that this process has open, its access log.

    Raises:
        InvalidInput: it is no path, or there is no such settings file.
    """
    place = check_path(path)
    return (*examine(place), *unwritten_accesses(place))


__all__ = [
    "GenerationsReport",
    "MigrationReport",
    "VaultMade",
    "VaultRemoved",
    "VaultRestored",
    "check_root_key",
    "create_vault",
    "doctor",
    "migrate",
    "rebuild_vault",
    "remove_vault",
    "restore_vault",
    "vault_generations",
]
