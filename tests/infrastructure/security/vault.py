"""A vault on secured servers: its settings file, whose passwords are in the environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from memos.infrastructure.servers import ServerName
from tests.fleet import Fleet
from tests.infrastructure.security.servers import (
    PASSWORD,
    USER,
    WRONG,
    SecuredCassandra,
    SecuredKafka,
)

KAFKA_PASSWORD, CASSANDRA_PASSWORD = "TEST_KAFKA_PASSWORD", "TEST_CASSANDRA_PASSWORD"
PASSWORDS = {KAFKA_PASSWORD: PASSWORD, CASSANDRA_PASSWORD: PASSWORD}


class Secured:
    """Kafka and Cassandra that ask for TLS and a password."""

    def __init__(self, kafka: SecuredKafka, cassandra: SecuredCassandra) -> None:
        self.kafka = kafka
        self.cassandra = cassandra

    def address(self, server: ServerName) -> str:
        """Where clients connect to one."""
        return self.kafka.address if server == "kafka" else self.cassandra.address

    def authority(self, server: ServerName) -> Path:
        """What a client of it trusts."""
        made = self.kafka if server == "kafka" else self.cassandra
        return made.directory / "authority.pem"


class SecuredVault(Fleet):
    """One vault on them. Files of TLS are named as they lie beside the settings."""

    def __init__(self, directory: Path, servers: Secured) -> None:
        super().__init__(directory, servers)
        for server in ("kafka", "cassandra"):
            trusted = servers.authority(server).read_bytes()
            (directory / f"{server}.pem").write_bytes(trusted)
        clear = self.path.read_text()
        self.path.write_text(
            clear.replace("[kafka]\n", "[kafka]\ntimeout = 15\n")
            + f'username = "{USER}"\npassword = "${{{CASSANDRA_PASSWORD}}}"\n'
            + 'tls = true\ntls_ca = "cassandra.pem"\n'
            + '\n[kafka.extra]\nsecurity.protocol = "SASL_SSL"\n'
            + f'sasl.mechanism = "SCRAM-SHA-512"\nsasl.username = "{USER}"\n'
            + f'sasl.password = "${{{KAFKA_PASSWORD}}}"\nssl.ca.location = "kafka.pem"\n'
        )

    def trusting(self, server: ServerName, authority: Path) -> Path:
        """Its settings with another authority for one server."""
        path = self.directory / f"{server}-distrusted.toml"
        text = self.path.read_text().replace(f'"{server}.pem"', f'"{authority}"')
        path.write_text(text)
        return path

    def with_mechanism(self, mechanism: str) -> Path:
        """Its settings with another mechanism of SASL."""
        path = self.directory / f"{mechanism}.toml"
        path.write_text(self.path.read_text().replace("SCRAM-SHA-512", mechanism))
        return path


def let_in(patch: pytest.MonkeyPatch, **other: str) -> None:
    """Put the passwords into the environment; `other` replaces some."""
    for name, password in {**PASSWORDS, **other}.items():
        patch.setenv(name, password)


def environment(wrong: str = "") -> Mapping[str, str]:
    """The environment of a process that knows the passwords, but for one."""
    return {**os.environ, **PASSWORDS, **({wrong: WRONG} if wrong else {})}
