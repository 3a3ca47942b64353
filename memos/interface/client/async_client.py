"""The client for programs that run an event loop. No call blocks it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable, Mapping
from contextlib import asynccontextmanager
from functools import wraps
from types import TracebackType
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Self, TypeVar

from memos.interface.client.asking import arguments_of, body_of, problem_error, request_of, value_in
from memos.interface.client.bulk import BulkAdded, BulkAnswer, bulk_request
from memos.interface.client.connection import DEFAULT_URL, Connection, installed, reaching
from memos.interface.client.following import (
    AGAIN_SECONDS,
    FollowedChange,
    change_in,
    changes_request,
)
from memos.interface.memory import Memory

if TYPE_CHECKING:
    import httpx

P = ParamSpec("P")
T = TypeVar("T")


def _remote(
    method: Callable[Concatenate[Memory, P], T],
) -> Callable[Concatenate[AsyncClient, P], Coroutine[Any, Any, T]]:
    """A method of Memory, asked of a server."""

    @wraps(method)
    async def call(self: AsyncClient, /, *args: P.args, **kwargs: P.kwargs) -> T:
        given = arguments_of(method, args, kwargs)
        request = request_of(self._http, method.__name__, given)
        with reaching(self._connection):
            response = await self._http.send(request)
        answer: T = value_in(method.__name__, given, response)
        return answer

    return call


class AsyncClient:
    """A vault behind a server, as a `Client` has it, for asyncio.

    async with AsyncClient("https://memories.example", api_key=key) as memories:
        await memories.search("pottery", scope="acme")
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout: float = 30.0,
        transport: httpx.AsyncBaseTransport | None = None,
    ) -> None:
        """As of `Client`."""
        self._connection = Connection.of(base_url, api_key, timeout)
        self._http = installed().AsyncClient(**self._connection.options, transport=transport)

    def __repr__(self) -> str:
        return f"AsyncClient({self._connection.base_url!r})"

    async def close(self) -> None:
        """End the connections; harmless when repeated."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def add_in_bulk(
        self, items: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> AsyncIterator[BulkAdded]:
        """As of `Client`."""
        answer = BulkAnswer()
        async with self._streamed(bulk_request(self._http, items, idempotency_key)) as response:
            async for line in response.aiter_lines():
                if (added := answer.added(line)) is not None:
                    yield added
        answer.end()

    async def changes(
        self,
        *,
        scope: str | None = None,
        kind: str | None = None,
        actor: str | None = None,
        cube_id: str | None = None,
        since: str | None = None,
    ) -> AsyncIterator[FollowedChange]:
        """As of `Client`."""
        from httpx_sse import EventSource

        wanted = {"scope": scope, "kind": kind, "actor": actor, "cube_id": cube_id}
        while True:
            async with self._streamed(changes_request(self._http, wanted, since)) as response:
                async for event in EventSource(response).aiter_sse():
                    since = event.id or since
                    if (change := change_in(event)) is not None:
                        yield change
            await asyncio.sleep(AGAIN_SECONDS)

    @asynccontextmanager
    async def _streamed(self, request: httpx.Request) -> AsyncIterator[httpx.Response]:
        """A good answer that comes in parts."""
        with reaching(self._connection):
            response = await self._http.send(request, stream=True)
            try:
                if not response.is_success:
                    await response.aread()
                    raise problem_error(response.status_code, body_of(response))
                yield response
            finally:
                await response.aclose()

    add = _remote(Memory.add)
    get = _remote(Memory.get)
    list = _remote(Memory.list)
    update = _remote(Memory.update)
    archive = _remote(Memory.archive)
    restore = _remote(Memory.restore)
    search = _remote(Memory.search)
    context = _remote(Memory.context)
    history = _remote(Memory.history)
    diff = _remote(Memory.diff)
    lineage = _remote(Memory.lineage)
    rollback = _remote(Memory.rollback)
    erase = _remote(Memory.erase)
    accesses = _remote(Memory.accesses)
    denials = _remote(Memory.denials)
    cuts = _remote(Memory.cuts)
    name_cut = _remote(Memory.name_cut)
    verify = _remote(Memory.verify)
    prove = _remote(Memory.prove)
    verifier_key = _remote(Memory.verifier_key)
    create_api_key = _remote(Memory.create_api_key)
    api_keys = _remote(Memory.api_keys)
    rotate_api_key = _remote(Memory.rotate_api_key)
    revoke_api_key = _remote(Memory.revoke_api_key)
