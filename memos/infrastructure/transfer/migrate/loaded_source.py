"""An export on its way to servers: it is the log that it was made of, for what is moved of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from memos.infrastructure.engine.migration import (
    CubeKey,
    MigrationSource,
    MigrationTarget,
    Moved,
    Sealed,
)
from memos.infrastructure.engine.owed import OwedErase
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.log.ancestry import Ancestor
from memos.infrastructure.log.port import Cut
from memos.infrastructure.transfer.load.dump import Dump
from memos.infrastructure.transfer.load.loader import LoadReport, Making, built
from memos.infrastructure.transfer.migrate.migration import migrate
from memos.infrastructure.transfer.package import staged

T = TypeVar("T")


class LoadedSource:
    """See `engine.migration.MigrationSource`. The vault that the export was folded in is gone
    afterwards: records, and the checkpoint over them, are those of the vault that was exported.

    Args:
        folded: the vault that the export was folded in.
        dump: the export.
        name: what an error calls it.
    """

    def __init__(self, folded: MigrationSource, dump: Dump, name: str) -> None:
        self._folded = folded
        self._note = dump.checkpoint_note
        self.name = name
        self.origin = dump.checkpoint.origin
        self.verifier_key = dump.manifest.verifier_key
        self.keys: KeyVault = folded.keys

    def hold(self, work: Callable[[], T]) -> T:
        return self._folded.hold(work)

    def end(self) -> Cut:
        return self._folded.end()

    def erasing(self) -> bool:
        return self._folded.erasing()

    def seal(self) -> list[Sealed]:
        ((partition, size),) = self.end().items()
        return [Sealed(partition, size, self._note)]

    def cuts(self) -> Mapping[str, Cut]:
        return self._folded.cuts()

    def records(self, ends: Sequence[Cut]) -> Iterator[Iterator[Moved]]:
        for records in self._folded.records(ends):
            yield self._renamed(records)

    def accesses(self) -> Iterator[Moved]:
        return self._renamed(self._folded.accesses())

    def _renamed(self, records: Iterator[Moved]) -> Iterator[Moved]:
        """Records that first stood in the log of the folded vault, as those of the exported one."""
        here, origin = self._folded.origin, self.origin
        for moved in records:
            if moved.first.origin == here:
                yield moved._replace(first=moved.first._replace(origin=origin))
            else:
                yield moved

    def cube_keys(self, cube_ids: Sequence[bytes]) -> list[CubeKey]:
        return self._folded.cube_keys(cube_ids)

    def erasures(self) -> Iterator[tuple[bytes, str]]:
        return self._folded.erasures()

    def ancestors(self) -> tuple[Ancestor, ...]:
        return ()

    def owed(self) -> list[OwedErase]:
        return self._folded.owed()

    def digest(self) -> str:
        return self._folded.digest()


def load_servers(
    dump: Dump,
    target: MigrationTarget,
    name: str,
    workplace: Path,
    making: Making,
) -> LoadReport:
    """Make a distributed vault of an export: folded and checked beside `workplace`, then moved.

    Raises:
        Refused: something in the export does not hold, and nothing was begun; or the target holds
            something else, or its workers run.
    """
    with (
        staged(workplace) as stage,
        built(dump, stage / "vault", making) as (engine, report),
    ):
        source = LoadedSource(engine.departure(), dump, name)
        moved = migrate(source, target, making.progress)
    return replace(report, events=moved.events, present=moved.present)
