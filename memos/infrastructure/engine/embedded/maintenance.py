"""Checks, rebuilding and figures of an embedded vault, behind their port."""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.engine.embedded import figures
from memos.infrastructure.engine.embedded.projector import Projector
from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.governance.usage.sqlite import usage_digest
from memos.infrastructure.progress import Progress, no_progress
from memos.infrastructure.reports import (
    Figures,
    GenerationStatus,
    Rebuilt,
    RootRotated,
    Verification,
)


class EmbeddedMaintenance:
    """See `engine.port.Maintenance`."""

    def __init__(self, stores: EmbeddedStores, projector: Projector) -> None:
        self._stores = stores
        self._projector = projector

    def verify(self, progress: Progress = no_progress) -> Verification:
        from memos.infrastructure.engine.embedded import audit

        return audit.verify(self._stores, progress)

    def audit(self, progress: Progress = no_progress) -> Verification:
        from memos.infrastructure.engine.embedded import full_audit

        return full_audit.audit(self._stores, progress)

    def rebuild(self, progress: Progress = no_progress) -> Rebuilt:
        from memos.infrastructure.engine.embedded import rebuild

        return rebuild.rebuild(self._stores, self._projector, progress)

    def generations(self) -> tuple[GenerationStatus, ...]:
        return ()

    def remove_generations(self, *, outlived: bool) -> tuple[GenerationStatus, ...]:
        return ()

    def rotate_root_key(
        self, offered: Path | None, actor: str, progress: Progress = no_progress
    ) -> RootRotated:
        from memos.infrastructure.engine.embedded.root_rotation import rotate_root_key

        return rotate_root_key(self._stores, offered, actor)

    def digest(self) -> str:
        with self._stores.read() as reader:
            return figures.digest(reader.vault)

    def usage_digest(self) -> str:
        with self._stores.database.reading() as connection:
            return usage_digest(connection)

    def figures(self) -> Figures:
        with self._stores.database.reading() as connection:
            return figures.figures(connection, self._stores.directory)

    def table_version(self) -> None:
        """A directory of this release's format is opened as it is; see `creation.check_format`."""
