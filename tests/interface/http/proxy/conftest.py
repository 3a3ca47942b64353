from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import count
from typing import Any

import httpx
import openai
import pytest

from memos import Memory
from memos.interface.http import settings
from tests.interface.http.proxy.upstream import Answer, Upstream, listening
from tests.interface.http.served import NO_TLS, Caller, Served

SERVER_KEY = "sk-of-the-server"
SCOPES = (f"acme/alice-{number}" for number in count())
QUESTION = "What does she drink?"


@dataclass
class Proxied:
    """A vault's server with a server behind it, a key, and OpenAI's own client of it.

    Attributes:
        scope: one that nothing is in.
    """

    upstream: Upstream
    served: Served
    memory: Memory
    caller: Caller
    clients: ExitStack
    scope: str

    def client(self, **headers: str) -> openai.OpenAI:
        """OpenAI's client, whose every request has these headers."""
        client = openai.OpenAI(
            base_url=f"{self.served.address}/openai/v1",
            api_key=self.caller.key,
            default_headers=named(headers),
            max_retries=0,
            http_client=openai.DefaultHttpxClient(trust_env=False, verify=NO_TLS),
        )
        return self.clients.enter_context(client)

    def complete(self, client: openai.OpenAI, messages: list[Any], **fields: Any) -> Any:
        """A completion, or its chunks, as OpenAI's client has them."""
        return client.chat.completions.create(model="m", messages=messages, **fields)

    def post(self, body: Any = None, **headers: str) -> httpx.Response:
        """A request as it is."""
        asked = {"model": "m", "messages": [{"role": "user", "content": QUESTION}]}
        sent = {"content": body} if isinstance(body, bytes) else {"json": body or asked}
        all_of_them = {"Content-Type": "application/json", **named(headers)}
        return self.caller.client.post("/openai/v1/chat/completions", headers=all_of_them, **sent)

    def ask(self, messages: list[Any], **headers: str) -> httpx.Response:
        """Ask with memories of the scope."""
        answer = self.post(
            {"model": "m", "messages": messages}, **{"X_Memos_Scope": self.scope, **headers}
        )
        assert answer.status_code == 200, answer.text
        return answer

    def add(self, text: str, **fields: Any) -> str:
        """A memory's id."""
        return self.memory.add(text, scope=self.scope, **fields).cube_id


def named(headers: dict[str, str]) -> dict[str, str]:
    """Headers by their own names."""
    return {name.replace("_", "-"): value for name, value in headers.items()}


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str | None, **more: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": text, **more}


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Upstream, Served, Memory]]:
    path = tmp_path_factory.mktemp("proxied") / "v"
    with listening() as upstream, Memory(path, actor="user:root") as memory:
        chosen = settings.HttpSettings(upstream=settings.Upstream(upstream.url, SERVER_KEY))
        with Served(memory, chosen) as served:
            yield upstream, served, memory


@pytest.fixture
def proxied(running: tuple[Upstream, Served, Memory]) -> Iterator[Proxied]:
    upstream, served, memory = running
    upstream.forget()
    upstream.answer = Answer()
    with ExitStack() as clients:
        yield Proxied(upstream, served, memory, served.caller(), clients, next(SCOPES))
