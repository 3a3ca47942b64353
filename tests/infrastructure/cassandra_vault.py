"""An empty distributed vault's keyspaces on the real server, one for all tests of a module."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.cassandra.settings import CassandraSettings
from memos.infrastructure.servers import LocalServers
from memos.infrastructure.vault.cassandra import schema


class Keyspaces(NamedTuple):
    """A connection, and the names of the base keyspace and of the live generation's."""

    cassandra: CassandraSession
    base: str
    generation: str

    def connect(self) -> CassandraSession:
        """Another connection to the same, as another process would have."""
        return CassandraSession(self.cassandra.settings)


@contextmanager
def keyspaces(engines: LocalServers) -> Iterator[Keyspaces]:
    """Keyspaces under a name that no other test has; dropped at the end."""
    host, _, port = engines.address("cassandra").rpartition(":")
    store = CassandraSession(
        CassandraSettings(
            hosts=(host,),
            port=int(port),
            keyspace=f"test_{secrets.token_hex(4)}",
            replication_factor=1,
        )
    )
    try:
        schema.create(store)
        base = store.settings.keyspace
        yield Keyspaces(store, base, schema.keyspace_of(store, schema.live_generation(store)))
    finally:
        schema.drop_all(store)
        store.close()
