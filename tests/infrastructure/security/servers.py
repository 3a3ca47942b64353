"""Kafka, Cassandra and Milvus that let nobody in without TLS and a password."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from memos.infrastructure.servers import ports
from memos.infrastructure.servers.cassandra import Cassandra
from memos.infrastructure.servers.kafka import Kafka
from memos.infrastructure.servers.milvus import MilvusServer
from memos.infrastructure.servers.server import Server
from memos.infrastructure.servers.settings import ServerSettings
from tests.certificates import Authority

USER = "memos"
PASSWORD = "Eiche-17-Ufer"
"""Of the user of MemOS, on every server."""

WRONG = "Birke-18-Hafen"
STORE_PASSWORD = "of-the-keystore"
CASSANDRA_ADMINISTRATOR = ("cassandra", "cassandra")
"""Whom a new node knows."""

MILVUS_ADMINISTRATOR = "root:Milvus"

_PLAIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"
_SCRAM = "org.apache.kafka.common.security.scram.ScramLoginModule required;"

KAFKA = f"""
listeners=SECURED://{{host}}:{{client}},CONTROLLER://{{host}}:{{controller}}
advertised.listeners=SECURED://{{host}}:{{client}}
listener.security.protocol.map=CONTROLLER:PLAINTEXT,SECURED:SASL_SSL
inter.broker.listener.name=SECURED
sasl.mechanism.inter.broker.protocol=PLAIN
sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-256,SCRAM-SHA-512
listener.name.secured.plain.sasl.jaas.config={_PLAIN} username="broker" password="of-the-broker" \
user_broker="of-the-broker" user_{USER}="{PASSWORD}";
listener.name.secured.scram-sha-256.sasl.jaas.config={_SCRAM}
listener.name.secured.scram-sha-512.sasl.jaas.config={_SCRAM}
ssl.keystore.type=PEM
ssl.keystore.location={{keystore}}
ssl.truststore.type=PEM
ssl.truststore.location={{authority}}
"""

CASSANDRA = """
authenticator: PasswordAuthenticator
authorizer: CassandraAuthorizer
role_manager: CassandraRoleManager
client_encryption_options:
  enabled: true
  optional: false
  keystore: "{keystore}"
  keystore_password: "{password}"
  store_type: PKCS12
"""

MILVUS = """
  security:
    authorizationEnabled: true
    tlsMode: 1
tls:
  serverPemPath: {certificate}
  serverKeyPath: {key}
  caPemPath: {authority}
"""


_Kind = TypeVar("_Kind", bound=Server)


class SecuredKafka(Kafka):
    """SASL over TLS, and nothing else: PLAIN, and SCRAM with both hashes."""

    format_options: ClassVar[tuple[str, ...]] = tuple(
        option
        for mechanism in ("SCRAM-SHA-256", "SCRAM-SHA-512")
        for option in ("--add-scram", f"{mechanism}=[name={USER},password={PASSWORD}]")
    )

    def configuration(self) -> str:
        # Of two lines for one property the later one holds.
        return super().configuration() + KAFKA.format(
            host=self.host,
            keystore=self.directory / "server.pem",
            authority=self.directory / "authority.pem",
            **self.ports,
        )

    def client_config(self) -> Mapping[str, str]:
        return kafka_extra(self.directory / "authority.pem")


class SecuredCassandra(Cassandra):
    """Passwords and rights, and TLS alone for clients."""

    def configuration(self) -> str:
        keystore = self.directory / "server.p12"
        return super().configuration() + CASSANDRA.format(
            keystore=keystore, password=STORE_PASSWORD
        )

    def options(self) -> tuple[str, ...]:
        # The first user is made ten seconds after the start, for others to come up meanwhile.
        return (*super().options(), "-Dcassandra.superuser_setup_delay_ms=0")

    def client_config(self) -> Mapping[str, Any]:
        from cassandra.auth import PlainTextAuthProvider

        return {
            "auth_provider": PlainTextAuthProvider(*CASSANDRA_ADMINISTRATOR),
            "ssl_context": ssl.create_default_context(cafile=self.directory / "authority.pem"),
        }


class SecuredMilvus(MilvusServer):
    """Users, and TLS alone."""

    @property
    def address(self) -> str:
        return super().address.replace("http://", "https://")

    def configuration(self) -> str:
        whole = super().configuration()
        security = MILVUS.format(
            certificate=self.directory / "server.crt",
            key=self.directory / "server.key",
            authority=self.directory / "authority.pem",
        )
        common, tls = security.split("tls:\n")
        return whole.replace("common:\n", f"common:{common}", 1) + f"tls:\n{tls}"

    def client_config(self) -> Mapping[str, Any]:
        return {
            "token": MILVUS_ADMINISTRATOR,
            "server_pem_path": str(self.directory / "authority.pem"),
        }


def made(kind: type[_Kind], directory: Path) -> _Kind:
    """A server of a kind, with a certificate of an authority of its own beside it."""
    home = directory / kind.name
    Authority(home).issue("server", password=STORE_PASSWORD)
    return kind(home, ports.choose(kind.port_names), ServerSettings(heap_mb=512))


def kafka_extra(authority: Path, mechanism: str = "SCRAM-SHA-512") -> dict[str, str]:
    """What `[kafka.extra]` holds for the user of MemOS."""
    return {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": mechanism,
        "sasl.username": USER,
        "sasl.password": PASSWORD,
        "ssl.ca.location": str(authority),
    }
