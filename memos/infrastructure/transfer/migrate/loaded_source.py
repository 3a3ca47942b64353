"""An export on its way to servers: it is the log that it was made of, for what is moved of it."""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.engine.embedded.engine import EmbeddedEngine
from memos.infrastructure.engine.embedded.source import EmbeddedSource
from memos.infrastructure.engine.migration import Sealed, Target
from memos.infrastructure.log.ancestry import Ancestor
from memos.infrastructure.log.sqlite import PARTITION
from memos.infrastructure.transfer.load.loader import LoadReport, Making, built
from memos.infrastructure.transfer.load.reader import Dump
from memos.infrastructure.transfer.migrate.migration import migrate
from memos.infrastructure.transfer.package import staged
from memos.infrastructure.transfer.wrapping import Wrapping


class LoadedSource(EmbeddedSource):
    """See `parts.Source`. The vault that the export was folded in is gone afterwards: records, and
    the checkpoint over them, are told as those of the vault that was exported.
    """

    def __init__(self, engine: EmbeddedEngine, dump: Dump, name: str) -> None:
        super().__init__(engine)
        self.name = name
        self.origin = dump.checkpoint.origin
        self.verifier_key = dump.manifest.verifier_key
        self._note = dump.checkpoint_note

    def seal(self) -> list[Sealed]:
        return [Sealed(PARTITION, self.end()[PARTITION], self._note)]

    def ancestors(self) -> tuple[Ancestor, ...]:
        return ()


def load_servers(
    dump: Dump, wrapping: Wrapping, target: Target, name: str, workplace: Path, making: Making
) -> LoadReport:
    """Make a distributed vault of an export: folded and checked beside `workplace`, then moved.

    Raises:
        Refused: something in the export does not hold, and nothing was begun; or the target holds
            something else, or its workers run.
    """
    with (
        staged(workplace) as stage,
        built(dump, wrapping, stage / "vault", making) as (engine, report),
    ):
        moved = migrate(LoadedSource(engine, dump, name), target, making.progress)
    return LoadReport(report.origin, report.complete, moved.events, moved.present, 0, ())
