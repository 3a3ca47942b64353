"""What every call of one open vault shares: engine, actor, governance, access log."""

from __future__ import annotations

import atexit
import hmac
import json
import weakref
from collections.abc import Callable
from functools import lru_cache
from hashlib import sha256
from importlib.metadata import version

import uuid_utils

from memos.infrastructure.engine.port import Engine
from memos.infrastructure.engine.reader import Reader
from memos.infrastructure.governance.access_log import Access, AccessLog
from memos.infrastructure.governance.decision import (
    Action,
    Decision,
    Governor,
    HeaderRules,
    Resource,
    Subject,
)
from memos.infrastructure.index.models.embedders import Embedder
from memos.infrastructure.index.models.rerankers import Reranker, Reranking
from memos.infrastructure.index.port import IndexedText
from memos.infrastructure.index.projection import Readable
from memos.infrastructure.keys.envelope import keyed_digest
from memos.kernel.cube import CubeState
from memos.kernel.errors import Denied, NotFound
from memos.kernel.event import as_uuid, id_text
from memos.kernel.scope import tenant_of
from memos.operation.search.analyzer import Analyzer
from memos.operation.search.dense import texts_to_embed
from memos.operation.search.indexed_text import index_memory

SERVICE = f"memos/{version('memos')}"
VAULT_SCOPE = ""
"""The scope of what belongs to no tenant, such as a named cut."""


@lru_cache(maxsize=1024)
def analyzer(tenant_key: bytes) -> Analyzer:
    """The analyzer whose terms only this tenant's key holder can make."""
    return Analyzer(keyed_digest(tenant_key, b"terms", b""))


@lru_cache(maxsize=8192)
def _digest(tenant_key: bytes, label: bytes, value: str) -> bytes:
    return keyed_digest(tenant_key, label, value.encode())


def analyse(tenant_key: bytes, memory: Readable) -> IndexedText:
    """What the index keeps of a memory."""
    return index_memory(analyzer(tenant_key), memory)


class Session:
    """One open vault and the actor who uses it."""

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
    ) -> None:
        self.engine = engine
        self.actor = actor
        self.subject = Subject(actor, tenant)
        self.clock = clock
        administrator = self.engine.setting("administrator")
        self.governor = governor or HeaderRules([administrator] if administrator else [])
        self.access_log = AccessLog(self.engine, self.governor.digest)
        self.embedding = None if embedder is None else engine.dense(embedder, texts_to_embed)
        self.reranking = None if reranker is None else Reranking(reranker)
        if self.embedding is not None:
            self.embedding.start()
        self._closed = False
        # A program that ends without closing still keeps its last reads.
        self._at_exit = _closer(weakref.WeakMethod(self.close))
        atexit.register(self._at_exit)

    def new_id(self) -> bytes:
        """A fresh UUIDv7."""
        return uuid_utils.uuid7().bytes

    def tenant_key(self, tenant: str) -> bytes:
        """The tenant's own key, for keyed digests."""
        return self.engine.keys.tenant_keys(tenant)[0]

    def subject_digest(self, tenant: str, subject: str) -> bytes:
        """What stands for a subject in envelopes."""
        return _digest(self.tenant_key(tenant), b"subject", subject)

    def source_digests(self, tenant: str, source: str) -> list[bytes]:
        """What stands for a source: one digest for each of its path prefixes, shortest first."""
        key = self.tenant_key(tenant)
        segments = source.split("/")
        return [
            _digest(key, b"source", "/".join(segments[: count + 1]))
            for count in range(len(segments))
        ]

    def lookups(self, tenant: str, label: bytes, value: str) -> list[bytes]:
        """The digests under which a value may stand: one for each key of the tenant's ring."""
        ring = self.engine.keys.tenant_keys(tenant, create=False)
        return [keyed_digest(key, label, value.encode()) for key in ring]

    def all_lookups(self, label: bytes, value: str, scope: str | None) -> tuple[bytes, ...]:
        """The same over every tenant that the caller may ask about."""
        return tuple(
            digest
            for tenant in self.tenants(scope)
            for digest in self.lookups(tenant, label, value)
        )

    def tenants(self, scope: str | None = None) -> list[str]:
        """The tenants that the caller may ask about: the scope's, their own, or all."""
        if scope:
            return [tenant_of(scope)]
        if self.subject.tenant:
            return [self.subject.tenant]
        return [tenant for tenant in self.engine.keys.tenants() if tenant]

    def keyed_ids(self, tenant: str, what: tuple[object, ...]) -> tuple[bytes, bytes, bytes]:
        """The event id, new cube id and digest that an idempotency key always gives."""
        key = self.tenant_key(tenant)
        named = json.dumps(what).encode()
        digest = hmac.digest(key, b"idempotency\x00" + named, "sha256")
        event_id = as_uuid(sha256(b"event\n" + digest).digest())
        cube_id = as_uuid(sha256(b"cube\n" + digest).digest())
        return event_id, cube_id, digest[:16]

    def cube_key(self, cube_id: bytes) -> bytes | None:
        """The key of a cube that is there already."""
        with self.engine.read() as reader:
            return reader.cube_key(cube_id)

    def decide(
        self, action: Action, scope: str, state: CubeState | None = None, **context: str
    ) -> Decision:
        """Ask governance, without acting on the answer."""
        resource = Resource(
            tenant_of(scope),
            scope,
            None if state is None else state.header,
            "" if state is None else id_text(state.cube_id),
        )
        return self.governor.decide(self.subject, action, resource, context)

    def require(
        self, action: Action, scope: str, state: CubeState | None = None, **context: str
    ) -> None:
        """Go on only where governance allows; a denial is recorded and says which rule denied.

        Raises:
            Denied: it does not.
            NotFound: the cube is another tenant's; whether it exists is not told.
        """
        decision = self.decide(action, scope, state, **context)
        if decision.allowed:
            return
        operation = context.get("operation", str(action))
        cubes = [] if state is None else [(state.cube_id, state.version)]
        self.access_log.record(
            Access(self.actor, operation, scope, self.clock(), cubes, rule=decision.rule)
        )
        if decision.rule == "tenant-boundary" and state is not None:
            raise no_cube(state.cube_id)
        named = scope if state is None else id_text(state.cube_id)
        raise Denied(
            f"{self.actor} may not {operation} {named}: {decision.reason} (rule {decision.rule})",
            decision.rule,
        )

    def require_whole_vault(self, operation: str) -> None:
        """Go on only where the caller is not narrowed to one tenant.

        Raises:
            Denied: they are, and the answer would tell of other tenants.
        """
        if self.subject.tenant:
            raise Denied(
                f"{operation} concerns the whole vault, and this caller is narrowed to the tenant "
                f"{self.subject.tenant}: open the vault without tenant= (rule tenant-boundary)",
                "tenant-boundary",
            )

    def live_state(self, reader: Reader, cube_id: bytes) -> CubeState:
        """A cube's head.

        Raises:
            NotFound: there is none.
        """
        state = reader.vault.head(cube_id)
        if state is None:
            raise no_cube(cube_id)
        return state

    def close(self) -> None:
        """Write what waits, then close the vault; harmless when repeated."""
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self._at_exit)
        if self.embedding is not None:
            self.embedding.close()
        try:
            self.access_log.close()
        finally:
            self.engine.close()


def _closer(close: weakref.WeakMethod[Callable[[], None]]) -> Callable[[], None]:
    """Close a session that is still there; holds none of it."""

    def close_if_there() -> None:
        method = close()
        if method is not None:
            method()

    return close_if_there


def no_cube(cube_id: bytes) -> NotFound:
    """The error for a cube that is not there."""
    return NotFound(f"there is no cube {id_text(cube_id)}: check the id, and the vault it is from")
