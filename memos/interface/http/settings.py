"""What an application behind HTTP is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from memos.interface.http.rate_limit import Rate

if TYPE_CHECKING:
    from memos.infrastructure.chat_models.port import ChatModel

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
"""The names by which a browser on this machine may call a server that listens on loopback."""

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """What an application behind HTTP is told.

    Attributes:
        anonymous: whether a request without a key acts as the actor of the vault that is served.
        hosts: what a request's Host may name; empty for anything.
        origins: of which web pages a browser may show the answers to them.
        rate: how many requests each key has.
        streams_per_key: how many changes and bulks a key may have open at the same time.
        body_bytes: how long the body of a request may be, and each line of a bulk.
        bulk_bytes: how long the body of a bulk may be.
        body_seconds: how long a body may take, and each part of a bulk.
        shows_metrics: whether `/metrics` answers here.
        model: who answers `/v1/chat`, and makes memories of messages behind mem0's paths.
    """

    anonymous: bool = False
    hosts: tuple[str, ...] = LOOPBACK_HOSTS
    origins: tuple[str, ...] = ()
    rate: Rate = field(default_factory=Rate)
    streams_per_key: int = 16
    body_bytes: int = 8 * MEGABYTE
    bulk_bytes: int = 64 * MEGABYTE
    body_seconds: float = 30.0
    shows_metrics: bool = True
    model: ChatModel | None = None
