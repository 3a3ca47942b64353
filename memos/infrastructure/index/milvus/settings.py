"""How to reach a Milvus, and what its collections are called."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

from memos.kernel.errors import InvalidInput

Consistency = Literal["Strong", "Bounded", "Session", "Eventually"]
CONSISTENCIES: tuple[Consistency, ...] = ("Strong", "Bounded", "Session", "Eventually")

_PREFIX = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,99}")


@dataclass(frozen=True)
class MilvusSettings:
    """Where a Milvus is.

    Args:
        uri: `http://host:port`, or `https://…` for TLS.
        token: an API key or `user:password`; never shown.
        tls_ca: a file of certificates to trust; the system's where empty.
        tls_certificate: the file of the client's own, where the server asks for one; needs `tls_key`
            and `tls_ca`.
        tls_key: the file of its key.
        database: one that exists; the server's default where empty.
        prefix: of the collections' names.
        consistency: of searches. Bounded may miss the last seconds of writes and waits for nothing.
        timeout: seconds that a call may take, with the client's own retries.
    """

    uri: str
    token: str = field(default="", repr=False)
    tls_ca: str = ""
    tls_certificate: str = ""
    tls_key: str = ""
    database: str = ""
    prefix: str = "memos"
    consistency: Consistency = "Bounded"
    timeout: float = 10.0

    def __post_init__(self) -> None:
        parts = urlsplit(self.uri)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InvalidInput("milvus.uri must look like http://host:19530")
        if parts.username or parts.password:
            raise InvalidInput("milvus.uri must hold no credentials: put them in milvus.token")
        if self.tls_ca and parts.scheme != "https":
            raise InvalidInput("milvus.tls_ca is for TLS: let milvus.uri begin with https://")
        of_client = (self.tls_certificate, self.tls_key, self.tls_ca)
        if any(of_client[:2]) and not all(of_client):
            raise InvalidInput(
                "milvus.tls_certificate needs milvus.tls_key and milvus.tls_ca beside it"
            )
        if not _PREFIX.fullmatch(self.prefix):
            raise InvalidInput(
                f"milvus.prefix {self.prefix!r} must be letters, digits and _, not begin with a "
                "digit, and have 100 characters at most"
            )
        if self.consistency not in CONSISTENCIES:
            raise InvalidInput(
                f"milvus.consistency {self.consistency!r} must be one of {', '.join(CONSISTENCIES)}"
            )
        if self.timeout <= 0:
            raise InvalidInput("milvus.timeout must be more than 0 seconds")

    @property
    def tls_files(self) -> dict[str, str]:
        """The files of TLS, by the driver's names for them."""
        if self.tls_certificate:
            return {
                "ca_pem_path": self.tls_ca,
                "client_pem_path": self.tls_certificate,
                "client_key_path": self.tls_key,
            }
        return {"server_pem_path": self.tls_ca} if self.tls_ca else {}
