"""Kafka, Cassandra and Milvus on this machine, from ordinary packages and without containers."""

from memos.infrastructure.servers.errors import EngineError, MissingTool
from memos.infrastructure.servers.lease import leased
from memos.infrastructure.servers.local_servers import LocalServers
from memos.infrastructure.servers.names import SERVERS, MilvusKind, ServerName
from memos.infrastructure.servers.status import Addresses, ServerStatus

__all__ = [
    "SERVERS",
    "Addresses",
    "EngineError",
    "LocalServers",
    "MilvusKind",
    "MissingTool",
    "ServerName",
    "ServerStatus",
    "leased",
]
