"""mem0's own clients, unchanged, and without their telemetry."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import httpx

from memos import Memory
from tests.interface.http.served import NO_TLS, SECONDS, Served

QUIET = {"MEM0_TELEMETRY": "False", "NO_PROXY": "127.0.0.1"}
"""What is set before mem0 is imported."""


class Clients(NamedTuple):
    """Makes clients of a server."""

    mem0: Any
    served: Served

    @property
    def vault(self) -> Memory:
        return self.served.memory

    def key(self, **options: Any) -> str:
        """A new key; `acme`'s by default."""
        return self.vault.create_api_key(
            options.pop("actor", "agent:mem0"), tenant=options.pop("tenant", "acme"), **options
        ).key

    @contextmanager
    def client(self, key: str | None = None, **options: Any) -> Iterator[Any]:
        """mem0's client, by default with a new key."""
        shown = self.key(**options) if key is None else key
        with httpx.Client(verify=NO_TLS, timeout=SECONDS, trust_env=False) as fast:
            yield self.mem0.MemoryClient(shown, self.served.address, client=fast)


def texts(found: dict[str, Any]) -> set[str]:
    """What was found."""
    return {each["memory"] for each in found["results"]}


def first_id(added: dict[str, Any]) -> str:
    """The id of what was added."""
    return str(added["results"][0]["id"])
