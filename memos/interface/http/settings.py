"""What an application behind HTTP is told."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from memos.interface.http.rate_limit import Rate
from memos.kernel.errors import InvalidInput

if TYPE_CHECKING:
    from memos.infrastructure.chat_models.port import ChatModel

LOOPBACK_HOSTS = ("localhost", "127.0.0.1", "[::1]")
"""The names by which a browser on this machine may call a server that listens on loopback."""

MEGABYTE = 1_000_000


@dataclass(frozen=True, slots=True)
class Upstream:
    """A server of OpenAI's chat API.

    Attributes:
        base_url: up to and without `/chat/completions`, such as `http://127.0.0.1:8000/v1`.
        key: this server's key of it; empty for none. Never shown or logged.

    Raises:
        InvalidInput: it is no such address, or no key that a header may hold.
    """

    base_url: str
    key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        try:
            url = urlsplit(self.base_url)
            is_one = url.scheme in ("http", "https") and bool(url.hostname) and url.port != 0
        except ValueError:
            is_one = False
        if not is_one or url.query or url.fragment or "@" in url.netloc:
            raise InvalidInput(
                "--upstream takes an address such as http://host/v1, without user or query"
            )
        if not (self.key.isascii() and (self.key.isprintable() or not self.key)):
            raise InvalidInput("the key of --upstream holds characters that no header may hold")


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
        upstream: who is asked behind `/openai/v1`.
        completions_per_key: how many requests of a key may wait for it, or for its answer's end, at the same
            time.
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
    upstream: Upstream | None = None
    completions_per_key: int = 256
