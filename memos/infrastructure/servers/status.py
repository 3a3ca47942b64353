"""Where the servers are reached, and how each of them is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from memos.infrastructure.servers.names import ServerName


@dataclass(frozen=True, slots=True)
class Addresses:
    """Where clients connect; None for a server that the directory does not have.

    `kafka` and `cassandra` are "host:port", `milvus` is a URI, "http://host:port".
    """

    kafka: str | None
    cassandra: str | None
    milvus: str | None


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """How one server is. `resident_mb` is in units of 2**20 bytes."""

    server: ServerName
    version: str
    running: bool
    address: str
    ports: Mapping[str, int]
    log: Path
    pid: int | None
    resident_mb: int | None
