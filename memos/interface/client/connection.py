"""How a client reaches its server: address, key, and what is said where it is not reached."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, Self
from urllib.parse import urlsplit

from memos.infrastructure.release import RELEASE, pip_install
from memos.interface.principal import API_KEY_VARIABLE
from memos.kernel.errors import InvalidInput, StoreUnavailable, shorten

DEFAULT_URL = "http://127.0.0.1:8420"


@dataclass(frozen=True, slots=True)
class Connection:
    """A server, and who asks it.

    Attributes:
        base_url: where it listens.
        options: of an HTTP client. The key is in them: they are never shown.
    """

    base_url: str
    options: dict[str, Any] = field(repr=False)

    @classmethod
    def of(cls, base_url: str, api_key: str | None, timeout: float) -> Self:
        """The connection that a client is made with.

        Raises:
            InvalidInput: the address is none, or the key has characters that no key has.
        """
        headers = {"User-Agent": f"memos-client/{RELEASE}"}
        key = os.environ.get(API_KEY_VARIABLE) if api_key is None else api_key
        if key is not None:
            headers["Authorization"] = f"Bearer {_checked_key(key)}"
        options = {
            "base_url": _checked_url(base_url),
            "headers": headers,
            "timeout": timeout,
            # No proxy that the environment names is told of memories.
            "trust_env": False,
        }
        return cls(base_url, options)


def _checked_url(base_url: object) -> str:
    try:
        url = urlsplit(base_url) if isinstance(base_url, str) else None
        is_one = url is not None and url.scheme in ("http", "https") and bool(url.hostname)
        is_one = is_one and url is not None and url.port != 0
    except ValueError:  # a port, or an address in brackets, that is none
        url, is_one = None, False
    if url is None or not is_one:
        raise InvalidInput(
            f"{shorten(base_url)} is no address of a server: pass https://host[:port]"
        )
    if url.query or url.username or url.password:
        raise InvalidInput("the address of a server has neither user nor query: pass api_key=")
    return url.geturl()


def _checked_key(key: object) -> str:
    """A key that a header may hold; the message never shows it."""
    if isinstance(key, str) and key and key.isascii() and key.isprintable() and " " not in key:
        return key
    raise InvalidInput("api_key is no API key: pass the text that `memos api-key create` printed")


def installed() -> ModuleType:
    """The package that sends requests.

    Raises:
        StoreUnavailable: the extra `client` is not installed.
    """
    try:
        import httpx
    except ImportError as error:
        raise StoreUnavailable(
            f"the client of a server needs {error.name}: {pip_install('client')}"
        ) from error
    return httpx


@contextmanager
def reaching(connection: Connection) -> Iterator[None]:
    """While a server is asked.

    Raises:
        StoreUnavailable: it is not reached, or its answer breaks off.
    """
    import httpx

    try:
        yield
    except (httpx.TransportError, httpx.DecodingError) as error:
        raise StoreUnavailable(
            f"the server at {connection.base_url} was not reached, or its answer broke off "
            f"({type(error).__name__}): whether it did what was asked is not known; with an idempotency_key it "
            "may be asked again"
        ) from error
