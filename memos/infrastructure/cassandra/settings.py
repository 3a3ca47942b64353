"""Where a distributed vault's Cassandra is, and how it is asked."""

from __future__ import annotations

import ssl
from dataclasses import dataclass, field

from cassandra import ConsistencyLevel

from memos.kernel.errors import VaultError


@dataclass(frozen=True)
class CassandraSettings:
    """Where a distributed vault lives, and how sure a read and a write must be.

    `keyspace` is the base name (see `tables`). `replication_factor` counts copies in the local
    datacenter; consistencies are Cassandra's names. `tls_ca` is a file of certificates to trust
    (the system's where empty), `tls_certificate` and `tls_key` the files of the client's own.
    Times are in seconds.
    """

    hosts: tuple[str, ...] = ("127.0.0.1",)
    port: int = 9042
    keyspace: str = "memos"
    replication_strategy: str = "NetworkTopologyStrategy"
    replication_factor: int = 3
    local_datacenter: str = "datacenter1"
    read_consistency: str = "LOCAL_QUORUM"
    write_consistency: str = "LOCAL_QUORUM"
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    request_timeout: float = 10.0

    def __post_init__(self) -> None:
        name = self.keyspace
        # 40 leaves room for `_g` and a generation in the 48 characters that a keyspace may have.
        if not (name.isascii() and name.isidentifier() and name.islower() and len(name) <= 40):
            raise VaultError(
                f"{name!r} cannot be the name of a keyspace: take up to 40 small letters, digits "
                "and _, a letter first"
            )
        for level in (self.read_consistency, self.write_consistency):
            if level not in ConsistencyLevel.name_to_value:
                names = ", ".join(sorted(ConsistencyLevel.name_to_value))
                raise VaultError(f"{level!r} is no consistency of Cassandra: choose from {names}")
        if self.replication_strategy not in ("NetworkTopologyStrategy", "SimpleStrategy"):
            raise VaultError(
                f"{self.replication_strategy!r} is no strategy of replication that is used here: "
                "choose NetworkTopologyStrategy or SimpleStrategy"
            )

    @property
    def server(self) -> str:
        """The nodes, as a message names them."""
        return ", ".join(f"{host}:{self.port}" for host in self.hosts)

    @property
    def replication(self) -> str:
        """The replication of a keyspace, as CQL writes it."""
        simple = self.replication_strategy == "SimpleStrategy"
        copies = "replication_factor" if simple else self.local_datacenter
        return (
            f"{{'class': '{self.replication_strategy}', '{copies}': {self.replication_factor:d}}}"
        )

    def tls_context(self) -> ssl.SSLContext | None:
        """What a connection is encrypted with; None for a connection in clear."""
        if not self.tls:
            return None
        try:
            context = ssl.create_default_context(cafile=self.tls_ca or None)
            if self.tls_certificate:
                context.load_cert_chain(self.tls_certificate, self.tls_key or None)
        except OSError as error:  # also ssl.SSLError
            raise VaultError(
                f"Cassandra's TLS files do not fit ({error}): correct tls_ca, tls_certificate and "
                "tls_key in its settings"
            ) from error
        return context
