"""Checks, rebuilding and figures of a distributed vault, behind their port."""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.engine.distributed import figures, generations
from memos.infrastructure.engine.distributed.live_generation import LiveGeneration
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.engine.distributed.waiter import Waiter
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.reports import (
    BackedUp,
    Figures,
    GenerationStatus,
    Rebuilt,
    RootRotated,
    Verification,
)
from memos.infrastructure.vault.cassandra import schema
from memos.kernel.errors import VaultError


class DistributedMaintenance:
    """See `engine.port.Maintenance`.

    Args:
        stores: the vault.
        live: its live projections.
        waiter: waits for the workers.
    """

    def __init__(
        self,
        stores: Stores,
        live: LiveGeneration,
        waiter: Waiter,
    ) -> None:
        self._stores = stores
        self._live = live
        self._waiter = waiter

    def verify(self, progress: Progress = no_progress) -> Verification:
        from memos.infrastructure.engine.distributed.auditing.verification import verify

        return verify(self._stores, self._live(), progress)

    def audit(self, progress: Progress = no_progress) -> Verification:
        from memos.infrastructure.engine.distributed.auditing.audit import audit

        return audit(self._stores, self._live(), progress)

    def rebuild(self, progress: Progress = no_progress) -> Rebuilt:
        from memos.infrastructure.engine.distributed import rebuild

        rebuilt = rebuild.rebuild(self._stores, progress)
        self._live.look_again()
        return rebuilt

    def generations(self) -> tuple[GenerationStatus, ...]:
        return generations.generations(self._stores.cassandra)

    def remove_generations(self, *, outlived: bool) -> tuple[GenerationStatus, ...]:
        store = self._stores.cassandra
        if not outlived:
            return generations.remove(store)
        return generations.remove_outlived(store, self._stores.settings.keep_former_hours)

    def rotate_root_key(
        self, offered: Path | None, actor: str, progress: Progress = no_progress
    ) -> RootRotated:
        from memos.infrastructure.engine.distributed.root_rotation import rotate_root_key

        return rotate_root_key(self._stores, offered, actor, progress)

    def backup(
        self, directory: Path, keys: Path | None, progress: Progress = no_progress
    ) -> BackedUp:
        raise VaultError(
            "a vault on servers is backed up with its servers, Kafka first and Cassandra behind it: "
            "docs/backup.md is the runbook; `memos export` writes all of a small vault into one file"
        )

    def digest(self) -> str:
        return figures.digest(self._live.vault())

    def usage_digest(self) -> str:
        self._waiter.until_passed("usage", self._stores.logs.access.end())
        return self._live().usage.digest()

    def figures(self) -> Figures:
        return figures.figures(self._stores, self._live())

    def table_version(self) -> int | None:
        return schema.version(self._stores.cassandra)
