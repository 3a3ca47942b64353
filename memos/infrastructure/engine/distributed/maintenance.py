"""Checks, rebuilding and figures of a distributed vault, behind their port."""

from __future__ import annotations

from memos.infrastructure.engine.distributed import figures, rebuild
from memos.infrastructure.engine.distributed.auditing.audit import audit
from memos.infrastructure.engine.distributed.auditing.verification import verify
from memos.infrastructure.engine.distributed.stores import LiveGeneration, Stores
from memos.infrastructure.engine.distributed.waiter import Waiter
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.reports import Figures, Rebuilt, Verification
from memos.infrastructure.vault.cassandra import schema


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
        return verify(self._stores, self._live(), progress)

    def audit(self, progress: Progress = no_progress) -> Verification:
        return audit(self._stores, self._live(), progress)

    def rebuild(self, progress: Progress = no_progress) -> Rebuilt:
        return rebuild.rebuild(self._stores, progress)

    def digest(self) -> str:
        return figures.digest(self._live.vault())

    def usage_digest(self) -> str:
        self._waiter.until_passed("usage", self._stores.logs.access.end())
        return self._live().usage.digest()

    def figures(self) -> Figures:
        return figures.figures(self._stores, self._live())

    def upgrade(self) -> int:
        return schema.migrate(self._stores.cassandra)
