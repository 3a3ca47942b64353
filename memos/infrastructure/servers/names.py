"""The names of the servers, and the address on which all of them listen."""

from __future__ import annotations

from typing import Literal

ServerName = Literal["kafka", "cassandra", "milvus"]

MilvusKind = Literal["lite", "server"]

SERVERS: tuple[ServerName, ...] = ("kafka", "cassandra", "milvus")

HOST = "127.0.0.1"
