"""A vault of which everything is read and nothing written, whatever engine it is of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn, TypeVar

from memos.infrastructure.governance.query_texts.port import QueryText, QueryTexts
from memos.infrastructure.keys.port import KeyVault
from memos.infrastructure.progress import Progress, no_progress
from memos.kernel.errors import ReadOnly
from memos.kernel.event import Position

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from memos.infrastructure.engine.commit import Committed, Draft
    from memos.infrastructure.engine.dense import DenseIndex
    from memos.infrastructure.engine.dump import Dumpable
    from memos.infrastructure.engine.port import Engine, Erasure, Maintenance, Proofs, Transaction
    from memos.infrastructure.engine.reader import Reader
    from memos.infrastructure.index.models.embedders.port import Embedder
    from memos.infrastructure.reports import (
        BackedUp,
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
        self.keys = _Keys(engine.name, engine.keys)
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

    def keep_setting(self, name: str, value: str) -> None:
        refuse(self.name)

    def dump(self) -> AbstractContextManager[Dumpable]:
        return self._engine.dump()

    def departure(self) -> NoReturn:
        refuse(self.name)

    def replay(self, operation: str) -> NoReturn:
        refuse(self.name)

    def close(self) -> None:
        self._engine.close()


class _Keys(KeyVault):
    """Makes no key: the vault that is read has those that it needs."""

    def __init__(self, name: str, keys: KeyVault) -> None:
        self._name = name
        self._keys = keys

    def tenant_key(self, tenant: str, *, create: bool = True) -> bytes:
        if create and tenant not in self._keys.tenants():
            refuse(self._name)
        return self._keys.tenant_key(tenant, create=False)

    def ring(self, tenant: str) -> list[bytes]:
        return self._keys.ring(tenant)

    def add_tenant_key(self, tenant: str, key: bytes) -> None:
        refuse(self._name)

    def tenants(self) -> list[str]:
        return self._keys.tenants()

    def subject_key(self, tenant: str, subject: bytes, *, create: bool = True) -> bytes | None:
        key = self._keys.subject_key(tenant, subject, create=False)
        if create and key is None:
            refuse(self._name)
        return key

    def subjects(self) -> Iterator[tuple[str, bytes, bytes]]:
        return self._keys.subjects()

    def add_subject_keys(self, keys: Iterable[tuple[str, bytes, bytes]]) -> None:
        refuse(self._name)

    def destroy(self, tenant: str, subjects: Iterable[bytes]) -> int:
        refuse(self._name)

    def seal_of(self, data: bytes) -> bytes:
        return self._keys.seal_of(data)

    def has_sealed(self, data: bytes, seal: str) -> bool:
        return self._keys.has_sealed(data, seal)

    def signing_key(self) -> Ed25519PrivateKey:
        return self._keys.signing_key()

    def refresh(self) -> None:
        self._keys.refresh()

    def close(self) -> None:
        self._keys.close()


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

    def backup(
        self, directory: Path, keys: Path | None, progress: Progress = no_progress
    ) -> BackedUp:
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

    def is_behind_list(self) -> bool:
        return self._erasure.is_behind_list()

    def complete_list(self) -> None:
        refuse(self._name)

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

    def end(self, now: int) -> None:
        refuse(self._name)

    def kept(self, tenant: str, now: int) -> list[QueryText]:
        return self._queries.kept(tenant, now)
