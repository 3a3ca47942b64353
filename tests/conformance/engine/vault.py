"""A vault of either engine for the suites of its ports: it opens engines and drafts events."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from secrets import token_hex

import apsw
import uuid_utils

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.commit import Committed, Draft
from memos.infrastructure.engine.distributed.settings import load_settings
from memos.infrastructure.engine.embedded.creation import DATABASE_FILE
from memos.infrastructure.engine.location import Wait, open_engine
from memos.infrastructure.engine.port import Engine
from memos.infrastructure.keys.envelope import new_key, seal_body
from memos.infrastructure.vault.cassandra import schema
from memos.kernel.cube import Form
from memos.kernel.event import DETAILS, SCHEMA, Kind
from memos.kernel.keyed_digest import keyed_digest
from memos.kernel.outcome import Result
from memos.wire.access_pb2 import ACCESS_KIND_ACCESSED, AccessEvent
from memos.wire.body_pb2 import Body
from memos.wire.event_pb2 import Event
from tests.embeddings import Embeddings

ADMINISTRATOR = "agent:alice"
WHOLE_BODY = 31
"""A first event supplies every part of its cube's body."""


class EngineVault:
    """A vault, and a tenant of the test's own in it.

    Args:
        backend: "embedded" or "distributed".
        path: the vault's directory, or its settings file.
        embeddings: what it embeds with.
    """

    def __init__(self, backend: str, path: Path, embeddings: Embeddings) -> None:
        self.backend = backend
        self.path = path
        self.embeddings = embeddings
        self.tenant = f"tenant{token_hex(4)}"
        self._opened: list[Engine] = []
        self.engine = self.open()

    @property
    def is_embedded(self) -> bool:
        return self.backend == "embedded"

    def open(self, wait: Wait = "applied") -> Engine:
        """The vault opened once more, until the test ends."""
        engine = open_engine(
            self.path,
            actor=ADMINISTRATOR,
            clock=system_time,
            create=True,
            wait=wait,
        )
        self._opened.append(engine)
        return engine

    def close(self) -> None:
        for engine in self._opened:
            engine.close()

    def commit(self, *drafts: Draft) -> list[Committed]:
        """Append drafts, all of which are accepted."""
        commits = self.engine.writer.commit(drafts)
        assert [committed.outcome.result for committed in commits] == [Result.ACCEPTED] * len(
            drafts
        )
        return commits

    def add(
        self, text: str, *, tenant: str = "", scope: str = "", tags: Sequence[str] = ()
    ) -> Committed:
        """Append a new memory."""
        (committed,) = self.commit(self.memory(text, tenant=tenant, scope=scope, tags=tags))
        return committed

    def memory(
        self,
        text: str,
        *,
        tenant: str = "",
        scope: str = "",
        tags: Sequence[str] = (),
        absorbs: Sequence[bytes] = (),
        subject: str = "",
        origin: str = "",
    ) -> Draft:
        """A new memory."""
        event = self.event(Kind.GENERATED, new_id(), tenant=tenant)
        event.scope = scope or event.scope
        event.generated.form = Form.PLAINTEXT.value  # type: ignore[assignment]
        event.generated.header.owner = ADMINISTRATOR
        for cube_id in absorbs:
            event.generated.absorbs.add(cube_id=cube_id, scope=event.scope)
        event.subject_digests.append(self.subject(subject or event.scope, tenant=event.tenant))
        event.parts = WHOLE_BODY
        body, key = body_of(text, tags), new_key()
        body.provenance.origin = origin
        seal_body(key, event, body)
        return Draft(event, body, key, is_new=True)

    def revision(self, cube_id: bytes, text: str, expected_version: int | None = None) -> Draft:
        """New content of a memory."""
        event = self.event(Kind.REVISED, cube_id)
        event.revised.mode = 1  # type: ignore[assignment]
        if expected_version is not None:
            event.expected_version = expected_version
        event.parts = 1
        with self.engine.read() as reader:
            key = reader.cube_key(cube_id)
        assert key is not None
        body = body_of(text)
        seal_body(key, event, body)
        return Draft(event, body)

    def event(
        self, kind: Kind, cube_id: bytes, *, tenant: str = "", operation_id: bytes = b""
    ) -> Event:
        """An event with nothing in it but its envelope."""
        event_id = new_id()
        event = Event(
            event_id=event_id,
            schema_major=SCHEMA[0],
            schema_minor=SCHEMA[1],
            kind=kind.value,  # type: ignore[arg-type]
            tenant=tenant or self.tenant,
            scope=tenant or self.tenant,
            actor=ADMINISTRATOR,
            cube_id=cube_id,
            operation_id=operation_id or event_id,
            client_time=system_time(),
            policy_digest=bytes(16),
            service="memos/test",
        )
        getattr(event, DETAILS[kind]).SetInParent()
        return event

    def subject(self, name: str, *, tenant: str = "") -> bytes:
        """What stands for a subject in an envelope."""
        key = self.engine.keys.tenant_key(tenant or self.tenant)
        return keyed_digest(key, b"subject", name.encode())

    def access(self, cube_id: bytes, version: int = 1) -> AccessEvent:
        """A record of the access log: a memory was read."""
        access = AccessEvent(
            event_id=new_id(),
            schema_major=SCHEMA[0],
            schema_minor=SCHEMA[1],
            kind=ACCESS_KIND_ACCESSED,
            tenant=self.tenant,
            scope=self.tenant,
            actor=ADMINISTRATOR,
            action="get",
            client_time=system_time(),
            policy_digest=bytes(16),
        )
        access.cubes.add(cube_id=cube_id, version=version)
        return access

    def uses(self, cube_id: bytes) -> int:
        """How often a memory was used, as far as that is folded."""
        with self.engine.read() as reader:
            return reader.usage(cube_id).uses

    def damage_head(self, cube_id: bytes) -> None:
        """Change a head behind the engine's back."""
        if self.is_embedded:
            database = apsw.Connection(str(self.path / DATABASE_FILE))
            with closing(database):
                database.execute("UPDATE head SET state = x'00' WHERE cube_id = ?", (cube_id,))
            return
        with closing(CassandraSession(load_settings(self.path).cassandra)) as cassandra:
            keyspace = schema.keyspace_of(cassandra, schema.live_generation(cassandra))
            cassandra.execute(
                f"UPDATE {keyspace}.head USING TIMESTAMP 1000000 SET state = 0x00"
                " WHERE cube_id = ?",
                (cube_id,),
            )


def body_of(text: str, tags: Sequence[str] = ()) -> Body:
    """A body with a text."""
    body = Body()
    body.content.media_type = "text/plain"
    body.content.inline = text.encode()
    body.tags.tags.extend(tags)
    return body


def text_of(body: Body | None) -> str | None:
    """The text of a body that is there."""
    return None if body is None else body.content.inline.decode()


def new_id() -> bytes:
    """A fresh id."""
    return uuid_utils.uuid7().bytes
