"""Whole vaults, from outside: making one, moving one, and saying what is wrong with one."""

from memos.infrastructure.transfer.migrate.migration import MigrationReport
from memos.operation.commands.migrate import VaultMade, create_vault, migrate
from memos.operation.reads.doctor import doctor

__all__ = ["MigrationReport", "VaultMade", "create_vault", "doctor", "migrate"]
