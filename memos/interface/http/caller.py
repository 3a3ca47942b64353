"""Who asks: by an API key as a bearer token, within the rate of that key."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from http import HTTPStatus
from time import monotonic
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from starlette.datastructures import Headers

from memos.interface.async_memory import AsyncMemory
from memos.interface.http.problem_answers import answer_of
from memos.interface.http.problems import Refusal, too_many
from memos.interface.http.rate_limit import TokenBuckets
from memos.interface.http.settings import HttpSettings
from memos.interface.http.statuses import status_of
from memos.kernel.errors import MemosError

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

KEPT_SECONDS = 0.25
"""How long a key is not asked about again."""

MOST_KEPT = 1000
ANONYMOUS = b""
OPEN_PATHS = frozenset({"/healthz", "/readyz", "/metrics", "/openapi.json"})
"""What anybody may ask: nothing of it is of any caller."""


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes:
        memory: the vault on their behalf.
        key: the bearer token; empty where there is none.
        identity: what tells one key from another, and tells nothing of it.
    """

    memory: AsyncMemory
    key: str
    identity: bytes


class Callers:
    """From a bearer token to who asks; for the event loop's thread alone."""

    def __init__(self, memory: AsyncMemory, settings: HttpSettings) -> None:
        self._anonymous = Caller(memory, "", ANONYMOUS) if settings.anonymous else None
        self._memory = memory
        self._buckets = TokenBuckets(settings.rate)
        self._policy = settings.rate.policy
        self._kept: OrderedDict[bytes, tuple[float, Caller]] = OrderedDict()

    async def of(self, authorization: str | None) -> Caller:
        """Who sends this Authorization header.

        Raises:
            Unauthenticated, Refusal: nobody who is known.
        """
        if authorization is None:
            if self._anonymous is not None:
                return self._anonymous
            raise _unauthenticated("the request has no API key: send Authorization: Bearer KEY")
        scheme, _, key = authorization.strip().partition(" ")
        key = key.strip()
        if scheme.lower() != "bearer" or not key:
            raise _unauthenticated("Authorization takes an API key: Bearer KEY")
        identity = sha256(key.encode("utf-8", "surrogatepass")).digest()
        kept = self._kept.get(identity)
        if kept is not None and monotonic() - kept[0] < KEPT_SECONDS:
            return kept[1]
        self._kept.pop(identity, None)
        asked = monotonic()
        caller = Caller(await self._memory.as_api_key(key), key, identity)
        self._kept[identity] = (asked, caller)
        if len(self._kept) > MOST_KEPT:
            self._kept.popitem(last=False)
        return caller

    async def check(self, caller: Caller) -> None:
        """Ask about a key anew.

        Raises:
            Unauthenticated: it is one no more.
        """
        if caller.key:
            await self._memory.as_api_key(caller.key)

    def take(self, caller: Caller) -> Mapping[str, str]:
        """Take a request of the caller's rate; the headers that tell what is left.

        Raises:
            Refusal: there is none left for the moment.
        """
        taken = self._buckets.take(caller.identity)
        headers = {"ratelimit-policy": self._policy, "ratelimit": taken.header}
        if taken.wait:
            raise too_many(
                "rate-limited",
                "the key has sent more requests than its rate: send this one again later",
                taken.wait,
                headers,
            )
        return headers


def _unauthenticated(detail: str) -> Refusal:
    return Refusal(
        HTTPStatus.UNAUTHORIZED, "unauthenticated", detail, headers={"WWW-Authenticate": "Bearer"}
    )


class Authenticated:
    """Lets in who has a key, within its rate: before a body is read, or a route is looked for; and behind the
    body who has it still.
    """

    def __init__(self, app: ASGIApp, callers: Callers) -> None:
        self._app = app
        self._callers = callers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        state = scope["state"]
        authorization = Headers(scope=scope).get("authorization")

        async def receive_for_known() -> Message:
            """A body may take its time: behind its end the key is asked about again, before any call."""
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                try:
                    await self._callers.of(authorization)
                except MemosError as error:
                    raise Refusal(*status_of(error), str(error)) from None
            return message

        try:
            caller = await self._callers.of(authorization)
            told = self._callers.take(caller)
        except (MemosError, Refusal) as error:
            await answer_of(error)(scope, receive, send)
            return
        state["caller"] = caller
        state["answer_headers"] += [(name.encode(), value.encode()) for name, value in told.items()]
        await self._app(scope, receive_for_known, send)


async def caller(request: Request) -> Caller:
    """Who asks."""
    known: Caller = request.state.caller
    return known


AnyCaller = Annotated[Caller, Depends(caller)]
