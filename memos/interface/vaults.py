"""Whole vaults, from outside: making one, moving one, and saying what is wrong with one."""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.engine.location import examine
from memos.infrastructure.governance.access_log import unwritten_accesses
from memos.infrastructure.reports import Finding
from memos.infrastructure.transfer.migrate.migration import MigrationReport
from memos.operation.commands.create_vault import VaultMade, create_vault
from memos.operation.commands.migrate import migrate


def doctor(path: str | Path) -> tuple[Finding, ...]:
    """What is wrong with a vault, and how to mend it; empty where all is well.

    Args:
        path: the vault's directory, or its settings file; of a distributed vault the servers and
            workers are examined too, and of a vault that this process has open, its access log.

    Raises:
        InvalidInput: there is no such settings file.
    """
    return (*examine(Path(path)), *unwritten_accesses(Path(path)))


__all__ = ["MigrationReport", "VaultMade", "create_vault", "doctor", "migrate"]
