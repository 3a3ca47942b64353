"""Servers that let nobody in without TLS and a password: started once for the tests of this room."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from cassandra.cluster import Cluster

from memos.interface.vaults import create_vault
from tests.certificates import Authority
from tests.fleet import PARTITIONS
from tests.infrastructure.security.servers import (
    PASSWORD,
    USER,
    SecuredCassandra,
    SecuredKafka,
    SecuredMilvus,
    made,
)
from tests.infrastructure.security.vault import PASSWORDS, Secured, SecuredVault
from tests.servers import OwnServer, together

SECONDS = 900
ACTOR = "agent:alice"
WORKERS = ("fold", "index")
"""Those that a write waits for."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if {"secured", "milvus"}.intersection(getattr(item, "fixturenames", ())):
            item.add_marker("engines")
            item.add_marker(pytest.mark.timeout(SECONDS))


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    """Kafka and Cassandra; Cassandra has a user who may make keyspaces, and nothing more."""
    directory = tmp_path_factory.mktemp("secured")
    kafka, cassandra = made(SecuredKafka, directory), made(SecuredCassandra, directory)
    with together(OwnServer(kafka), OwnServer(cassandra)):
        cluster = Cluster(
            [cassandra.host],
            port=cassandra.ports["client"],
            protocol_version=5,
            **cassandra.client_config(),
        )
        try:
            session = cluster.connect()
            session.execute(f"CREATE ROLE {USER} WITH PASSWORD = '{PASSWORD}' AND LOGIN = true")
            session.execute(f"GRANT CREATE ON ALL KEYSPACES TO {USER}")
        finally:
            cluster.shutdown()
        yield Secured(kafka, cassandra)


@pytest.fixture(scope="module")
def vault(secured: Secured, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredVault]:
    """A vault on them, with its workers."""
    opened = SecuredVault(tmp_path_factory.mktemp("vault"), secured)
    with pytest.MonkeyPatch.context() as patch:
        for name, password in PASSWORDS.items():
            patch.setenv(name, password)
        create_vault(opened.path, actor=ACTOR)
        try:
            for worker in WORKERS:
                opened.start(worker)
            for worker in WORKERS:
                opened.await_said(worker, "goes on from", PARTITIONS)
            yield opened
        finally:
            opened.end()


@pytest.fixture(scope="module")
def stranger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An authority that signed nobody's certificate."""
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger").path


@pytest.fixture(scope="module")
def milvus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredMilvus]:
    """The real Milvus server."""
    server = made(SecuredMilvus, tmp_path_factory.mktemp("milvus"))
    with together(OwnServer(server)):
        yield server
