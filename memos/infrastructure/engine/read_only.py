"""A vault of which everything is read and nothing written, whatever engine it is of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from memos.infrastructure.governance.query_texts.port import QueryText, QueryTexts
from memos.infrastructure.progress import Progress, no_progress
from memos.kernel.errors import ReadOnly
from memos.kernel.event import Position

if TYPE_CHECKING:
    from memos.infrastructure.engine.commit import Committed, Draft
    from memos.infrastructure.engine.dense import DenseIndex
    from memos.infrastructure.engine.dump import Dumpable
    from memos.infrastructure.engine.port import Engine, Erasure, Maintenance, Proofs, Transaction
    from memos.infrastructure.engine.reader import Reader
    from memos.infrastructure.index.models.embedders.port import Embedder
    from memos.infrastructure.keys.port import KeyVault
    from memos.infrastructure.reports import (
        Figures,
        GenerationStatus,
        Rebuilt,
        RootRotated,
        Verification,
    )
    from memos.wire.access_pb2 import AccessEvent

T = TypeVar("T")


def refuse(name: str) -> NoReturn:
    """Write nothing to the vault of this name.

    Raises:
        ReadOnly: always.
    """
    raise ReadOnly.of(name)


class ReadOnlyEngine:
    """An engine whose writing side refuses; see `port.Engine`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.name = engine.name
        self.origin = engine.origin
        self.keys: KeyVault = engine.keys
        self.proofs: Proofs = engine.proofs
        self.writer = _Writer(engine)
        self.maintenance = _Maintenance(engine.name, engine.maintenance)
        self.erasure = _Erasure(engine.name, engine.erasure)
        self.queries = _Queries(engine.name, engine.queries)

    def read(self) -> AbstractContextManager[Reader]:
        return self._engine.read()

    def stream(self) -> AbstractContextManager[Reader]:
        return self._engine.stream()

    def dense(self, embedder: Embedder) -> DenseIndex:
        return self._engine.dense(embedder)

    def setting(self, name: str) -> str:
        return self._engine.setting(name)

    def dump(self) -> AbstractContextManager[Dumpable]:
        return self._engine.dump()

    def departure(self) -> NoReturn:
        refuse(self.name)

    def replay(self, operation: str) -> NoReturn:
        refuse(self.name)

    def close(self) -> None:
        self._engine.close()


class _Writer:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def commit(self, drafts: Iterable[Draft]) -> list[Committed]:
        refuse(self._engine.name)

    def compose(self, cube_id: bytes, make: Callable[[Reader], Draft]) -> Committed:
        refuse(self._engine.name)

    def commit_whole(
        self, drafts: Iterable[Draft], check: Callable[[Committed], None]
    ) -> list[Committed]:
        refuse(self._engine.name)

    def transact(self, work: Callable[[Transaction], T]) -> T:
        refuse(self._engine.name)

    def wait_for(self, position: Position, seconds: float) -> None:
        self._engine.writer.wait_for(position, seconds)

    def append_accesses(self, accesses: Sequence[AccessEvent]) -> None:
        refuse(self._engine.name)


class _Maintenance:
    def __init__(self, name: str, maintenance: Maintenance) -> None:
        self._name = name
        self._maintenance = maintenance

    def verify(self, progress: Progress = no_progress) -> Verification:
        return self._maintenance.verify(progress)

    def audit(self, progress: Progress = no_progress) -> Verification:
        return self._maintenance.audit(progress)

    def rebuild(self, progress: Progress = no_progress) -> Rebuilt:
        refuse(self._name)

    def generations(self) -> tuple[GenerationStatus, ...]:
        return self._maintenance.generations()

    def remove_generations(self, *, outlived: bool) -> tuple[GenerationStatus, ...]:
        refuse(self._name)

    def rotate_root_key(
        self, offered: Path | None, actor: str, progress: Progress = no_progress
    ) -> RootRotated:
        refuse(self._name)

    def digest(self) -> str:
        return self._maintenance.digest()

    def usage_digest(self) -> str:
        return self._maintenance.usage_digest()

    def figures(self) -> Figures:
        return self._maintenance.figures()

    def table_version(self) -> int | None:
        return self._maintenance.table_version()


class _Erasure:
    """Nothing is left to be done here: who opens the vault for writing goes on with it."""

    def __init__(self, name: str, erasure: Erasure) -> None:
        self._name = name
        self._erasure = erasure

    def unfinished(self) -> list[bytes]:
        return []

    def are_gone(self, cube_ids: Sequence[bytes]) -> bool:
        return self._erasure.are_gone(cube_ids)

    def confirm(self) -> bool:
        refuse(self._name)


class _Queries(QueryTexts):
    def __init__(self, name: str, queries: QueryTexts) -> None:
        self._name = name
        self._queries = queries

    def set_lifetime(self, lifetime: int) -> None:
        refuse(self._name)

    def lifetime(self) -> int:
        return self._queries.lifetime()

    def keep(self, texts: Sequence[QueryText]) -> None:
        refuse(self._name)

    def kept(self, tenant: str, now: int) -> list[QueryText]:
        return self._queries.kept(tenant, now)
