"""Kafka, Cassandra and Milvus on this machine, from ordinary packages and without containers."""

from memos.infrastructure.servers.engine import LocalEngine
from memos.infrastructure.servers.errors import EngineError, MissingTool
from memos.infrastructure.servers.facts import (
    SERVERS,
    Addresses,
    MilvusKind,
    ServerName,
    ServerStatus,
)

__all__ = [
    "SERVERS",
    "Addresses",
    "EngineError",
    "LocalEngine",
    "MilvusKind",
    "MissingTool",
    "ServerName",
    "ServerStatus",
]
