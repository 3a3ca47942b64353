"""How a server is run, and what a caller asks to be otherwise."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from memos.infrastructure.servers.names import MilvusKind


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """How a server is run; kept in its directory, so that it comes back the same.

    `durable` says that Cassandra acknowledges a write only once its commit log is synced to disk;
    without it a power cut takes the last ten seconds, and a kill what came after the last marker in
    the log (a tenth of a second). `heap_mb` is the
    Java heap in units of 2**20 bytes; `milvus` is "lite" or "server".
    """

    durable: bool = True
    heap_mb: int = 1024
    milvus: MilvusKind = "lite"


@dataclass(frozen=True, slots=True)
class SettingsChange:
    """What a caller asks for; None leaves a setting as it was when the server last started."""

    durable: bool | None = None
    heap_mb: int | None = None
    milvus: MilvusKind | None = None

    def applied_to(self, settings: ServerSettings, names: Iterable[str]) -> ServerSettings:
        """The settings with those of `names` changed that were asked for; the others stay."""
        asked = {name: getattr(self, name) for name in names}
        return replace(
            settings, **{name: value for name, value in asked.items() if value is not None}
        )
