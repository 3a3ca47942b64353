"""One open vault and the actor who uses it: what every command and every read works with."""

from __future__ import annotations

import atexit
import os
import weakref
from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING

import uuid_utils

from memos.infrastructure.governance.access_log import AccessLog
from memos.infrastructure.governance.decision import Governor, HeaderRules, Subject
from memos.infrastructure.release import RELEASE
from memos.kernel.cube import NO_MEMORY, CubeState
from memos.kernel.scope import tenant_of
from memos.kernel.tenant import tenant_cube_id
from memos.operation.gate import Gate, Passage
from memos.operation.remembered_keys import RememberedKeys
from memos.operation.tenant_digests import TenantDigests

if TYPE_CHECKING:
    from memos.infrastructure.engine.port import Engine
    from memos.infrastructure.engine.reader import Reader
    from memos.infrastructure.index.models.embedders import Embedder
    from memos.infrastructure.index.models.rerankers import Reranker, Reranking

SERVICE = f"memos/{RELEASE}"
VAULT_SCOPE = ""
"""The scope of what belongs to no tenant, such as a named cut."""


class Session:
    """An open vault, the gate in front of it, and who goes through."""

    def __init__(
        self,
        engine: Engine,
        *,
        actor: str,
        tenant: str,
        clock: Callable[[], int],
        governor: Governor | None,
        embedder: Embedder | None = None,
        reranker: Reranker | None = None,
        reads_only: bool = False,
    ) -> None:
        self.engine = engine
        self.actor = actor
        self.subject = Subject(actor, tenant)
        self.clock = clock
        administrator = engine.setting("administrator")
        self.governor = governor or HeaderRules([administrator] if administrator else [])
        self.reads_only = reads_only
        self.access_log = AccessLog(engine, self.governor.digest, is_kept=not reads_only)
        self.gate = Gate(
            self.subject, self.governor, self.access_log, clock, self.administrators_of
        )
        self.digests = TenantDigests(engine.keys)
        self.remembered_keys = RememberedKeys()
        self.embedding = None if embedder is None else engine.dense(embedder)
        self.reranking = None if reranker is None else _reranking(reranker)
        if self.embedding is not None and not reads_only:
            self.embedding.start()
        self._owner: Session | None = None
        self._closed = False
        self._process = os.getpid()
        self._before_close: list[Callable[[], None]] = []
        # A program that ends without closing still keeps its last reads.
        self._at_exit = _closer(weakref.WeakMethod(self.close))
        atexit.register(self._at_exit)

    def for_subject(
        self, subject: Subject, check_key: Callable[[int], None] | None = None
    ) -> Session:
        """The same open vault for another principal, and the check of the key they came by. It works
        until this session is closed; closing it lets go of nothing.
        """
        other = copy(self)
        other.actor = subject.actor
        other.subject = subject
        other.gate = self.gate.for_subject(subject, check_key)
        other._owner = self._owner or self
        return other

    def new_id(self) -> bytes:
        """A fresh UUIDv7."""
        return uuid_utils.uuid7().bytes

    def administrators_of(self, tenant: str) -> tuple[str, ...]:
        """The actors that the log made administrators of a tenant, in order."""
        with self.engine.read() as reader:
            state = reader.vault.head(tenant_cube_id(tenant))
        return () if state is None else state.administrators

    def tenants(self, scope: str | None = None) -> list[str]:
        """The tenants that the caller may ask about: the scope's, their own, or all."""
        if scope:
            return [tenant_of(scope)]
        if self.subject.tenant:
            return [self.subject.tenant]
        return [tenant for tenant in self.engine.keys.tenants() if tenant]

    def lookups(self, label: bytes, value: str, scope: str | None) -> tuple[bytes, ...]:
        """The digests under which a value may stand, of every tenant that may be asked about."""
        return tuple(
            digest
            for tenant in self.tenants(scope)
            for digest in self.digests.lookups(tenant, label, value)
        )

    def before_close(self, end: Callable[[], None]) -> None:
        """Have what works beside the callers ended before the vault is closed."""
        self._before_close.append(end)

    def close(self) -> None:
        """Write what waits, then close the vault; harmless when repeated, and what was interrupted
        is gone on with. In a forked child nothing is written: all of it is the parent's; and a
        session of another one's vault leaves that to the one who opened it.
        """
        if self._owner is not None or self._closed or self._process != os.getpid():
            return
        for end in self._before_close:
            end()
        if self.embedding is not None:
            self.embedding.close()
        try:
            self.access_log.close()
        finally:
            self.engine.close()
            self._closed = True
            atexit.unregister(self._at_exit)


def _reranking(reranker: Reranker) -> Reranking:
    from memos.infrastructure.index.models.rerankers import Reranking

    return Reranking(reranker)


def live_state(passage: Passage, reader: Reader, cube_id: bytes) -> CubeState:
    """A memory's head. Whoever asks for it goes on to ask `passage` about it at once, so that as much
    is done for a cube that the caller is not told of as for none.

    Raises:
        NotFound: there is none; nor is the cube of an operation, or of a tenant's settings, one.
    """
    state = reader.vault.head(cube_id)
    if state is None or state.form in NO_MEMORY:
        raise passage.absent(cube_id)
    return state


def _closer(close: weakref.WeakMethod[Callable[[], None]]) -> Callable[[], None]:
    """Close a session that is still there; holds none of it."""

    def close_if_there() -> None:
        method = close()
        if method is not None:
            method()

    return close_if_there
