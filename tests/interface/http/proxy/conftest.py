from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

from memos import Memory
from memos.interface.http import settings
from tests.interface.http.proxy.upstream import Upstream, listening
from tests.interface.http.served import NO_TLS, Caller, Served

SERVER_KEY = "sk-of-the-server"
SCOPE = "acme/alice"


@dataclass
class Proxied:
    """A vault's server with a server behind it, a key, and OpenAI's own client of it."""

    upstream: Upstream
    served: Served
    memory: Memory
    caller: Caller
    clients: ExitStack

    def client(self, **headers: str) -> openai.OpenAI:
        """OpenAI's client, whose every request has these headers."""
        client = openai.OpenAI(
            base_url=f"{self.served.address}/openai/v1",
            api_key=self.caller.key,
            default_headers=headers,
            max_retries=0,
            http_client=openai.DefaultHttpxClient(trust_env=False, verify=NO_TLS),
        )
        return self.clients.enter_context(client)

    def post(self, body: Any = None, **headers: str) -> httpx.Response:
        """A request as it is."""
        asked = {"model": "m", "messages": [{"role": "user", "content": "What does she drink?"}]}
        sent = {"content": body} if isinstance(body, bytes) else {"json": body or asked}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named.setdefault("Content-Type", "application/json")
        return self.caller.client.post("/openai/v1/chat/completions", headers=named, **sent)

    def add(self, text: str, **fields: Any) -> str:
        """A memory's id."""
        return self.memory.add(text, scope=SCOPE, **fields).cube_id


@pytest.fixture
def proxied(tmp_path: Path) -> Iterator[Proxied]:
    with listening() as upstream, Memory(tmp_path / "v", actor="user:root") as memory:
        chosen = settings.HttpSettings(upstream=settings.Upstream(upstream.url, SERVER_KEY))
        with Served(memory, chosen) as served, ExitStack() as clients:
            yield Proxied(upstream, served, memory, served.caller(), clients)
