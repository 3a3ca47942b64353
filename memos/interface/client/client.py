"""The client that waits for each answer."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
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


def _remote(method: Callable[Concatenate[Memory, P], T]) -> Callable[Concatenate[Client, P], T]:
    """A method of Memory, asked of a server."""

    @wraps(method)
    def call(self: Client, /, *args: P.args, **kwargs: P.kwargs) -> T:
        given = arguments_of(method, args, kwargs)
        request = request_of(self._http, method.__name__, given)
        with reaching(self._connection):
            response = self._http.send(request)
        answer: T = value_in(method.__name__, given, response)
        return answer

    return call


class Client:
    """A vault behind a server (`memos serve`), on behalf of the actor of an API key.

    Its methods are those of `Memory` of the same names, with the same arguments, values and errors; what
    takes a function or a model does not go to a server. A list has 1000 memories at most, and the `cursor`
    of those behind. Safe to share between threads.

        with Client("https://memories.example", api_key=key) as memories:
            memories.add("She likes pottery.", scope="acme/alice")
            memories.search("pottery", scope="acme")
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        *,
        api_key: str | None = None,
        timeout: float = 30.0,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        """Name a server; nothing is sent yet.

        Args:
            base_url: where it listens.
            api_key: by default what the variable MEMOS_API_KEY holds; never shown or logged.
            timeout: seconds that may pass until it answers.
            transport: how requests are sent, in the place of a connection.

        Raises:
            InvalidInput: the address is none, or the key has characters that no key has.
        """
        self._connection = Connection.of(base_url, api_key, timeout)
        self._http = installed().Client(**self._connection.options, transport=transport)

    def __repr__(self) -> str:
        return f"Client({self._connection.base_url!r})"

    def close(self) -> None:
        """End the connections; harmless when repeated."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def add_in_bulk(
        self, items: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> Iterator[BulkAdded]:
        """Remember many memories in one request, and tell what became of each, in their order.

        Args:
            items: mappings of `add`'s arguments.
            idempotency_key: one key for the request: each item is keyed by its number.

        Raises:
            StoreUnavailable: the answer was cut off: what was told by then is durable.
        """
        answer = BulkAnswer()
        with self._streamed(bulk_request(self._http, items, idempotency_key)) as response:
            for line in response.iter_lines():
                if (added := answer.added(line)) is not None:
                    yield added
        answer.end()

    def changes(
        self,
        *,
        scope: str | None = None,
        kind: str | None = None,
        actor: str | None = None,
        cube_id: str | None = None,
        since: str | None = None,
    ) -> Iterator[FollowedChange]:
        """The records of the log as they come, each with the id by which to go on behind it. They have no
        end: where the server ends a stream, what is behind it is asked for.

        Args:
            scope: under which.
            kind: of event, such as `Revised`.
            actor: who wrote them.
            cube_id: on which memory.
            since: go on behind this id; by default from now on.

        Raises:
            Unauthenticated: the key is good no more.
            StoreUnavailable: the connection broke: go on with `since`, the last id.
        """
        from httpx_sse import EventSource

        wanted = {"scope": scope, "kind": kind, "actor": actor, "cube_id": cube_id}
        while True:
            with self._streamed(changes_request(self._http, wanted, since)) as response:
                for event in EventSource(response).iter_sse():
                    since = event.id or since
                    if (change := change_in(event)) is not None:
                        yield change
            time.sleep(AGAIN_SECONDS)

    @contextmanager
    def _streamed(self, request: httpx.Request) -> Iterator[httpx.Response]:
        """A good answer that comes in parts."""
        with reaching(self._connection):
            response = self._http.send(request, stream=True)
            try:
                if not response.is_success:
                    response.read()
                    raise problem_error(response.status_code, body_of(response))
                yield response
            finally:
                response.close()

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
