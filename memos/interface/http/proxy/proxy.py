"""The proxy: each request goes on to the server behind this one, with memories where it asks for them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import Request
from starlette.responses import Response

from memos.interface.async_memory import AsyncMemory
from memos.interface.http.caller import Caller
from memos.interface.http.problem_answers import answer_of
from memos.interface.http.problems import Refusal
from memos.interface.http.proxy.composing import Composed, composed
from memos.interface.http.proxy.conversations import Conversations
from memos.interface.http.proxy.headers import request_headers
from memos.interface.http.proxy.heard import HeardAnswer
from memos.interface.http.proxy.memory_headers import MemoryHeaders
from memos.interface.http.proxy.messages import ChatMessages, JsonObject, read_body, write_body
from memos.interface.http.proxy.relay import ERROR, RelayedAnswer, error_name
from memos.interface.http.proxy.upstream import UpstreamClient, UpstreamRequest
from memos.interface.http.settings import Upstream
from memos.interface.http.streams import Streams
from memos.kernel.errors import MemosError

USED, USED_COUNT = "X-Memos-Used", "X-Memos-Used-Count"
MOST_NAMED = 100
"""Ids in one header: clients take no longer ones."""


class Proxy:
    """Asks one server for callers; for the event loop's thread alone."""

    def __init__(self, upstream: Upstream, streams: Streams) -> None:
        """Ask a server, of each caller only as much at the same time as `streams` has places."""
        self._upstream = upstream
        self._client = UpstreamClient(upstream)
        self._streams = streams
        self._conversations = Conversations()

    async def close(self) -> None:
        """Let go of the connections."""
        await self._client.close()

    async def pass_on(self, request: Request, caller: Caller, path: str) -> Response:
        """The answer to a request as it is.

        Raises:
            Refusal: its headers are not understood.
        """
        asked = MemoryHeaders.of(request.headers.raw)
        return self._relayed(request, caller, path, asked, await request.body())

    async def complete(self, request: Request, caller: Caller, path: str) -> Response:
        """The answer to a request of a chat completion, with memories where its headers ask for them.

        Raises:
            Refusal: its headers or its body are not understood.
        """
        asked = MemoryHeaders.of(request.headers.raw)
        body = await request.body()
        if not asked.scopes:
            return self._relayed(request, caller, path, asked, body)
        fields = read_body(body)
        try:
            messages = ChatMessages(fields.get("messages"))
            if asked.remembers:
                await _check_remembering(caller.memory, asked)
            prompt = await composed(caller, asked, messages, self._conversations)
        except MemosError as error:
            told = {ERROR: error_name(error)}
            if asked.is_optional:
                return self._relayed(request, caller, path, asked, body, told)
            answer = answer_of(error)
            answer.headers.update(told)
            return answer
        return self._relayed(
            request,
            caller,
            path,
            asked,
            write_body({**fields, "messages": prompt.messages}),
            _told_of(prompt),
            _remembering(caller.memory, asked, messages, prompt) if asked.remembers else None,
        )

    def _relayed(
        self,
        request: Request,
        caller: Caller,
        path: str,
        asked: MemoryHeaders,
        body: bytes,
        headers: dict[str, str] | None = None,
        remember: Callable[[HeardAnswer], Awaitable[None]] | None = None,
    ) -> RelayedAnswer:
        sent = UpstreamRequest(
            method=request.method,
            path=path,
            query=request.scope["query_string"],
            headers=request_headers(
                request.headers.raw,
                caller.key,
                asked.upstream_key or self._upstream.key,
                is_own=bool(asked.upstream_key),
            ),
            body=body,
        )
        return RelayedAnswer(
            self._client.ask(sent),
            slot=self._streams.one_more(caller),
            secret=self._upstream.key,
            headers=headers or {},
            remember=remember,
            is_optional=asked.is_optional,
        )


async def _check_remembering(memory: AsyncMemory, asked: MemoryHeaders) -> None:
    """That the caller may add to the conversation, before the server is asked for what is then lost.

    Raises:
        MemosError: they may not, or the conversation's name is none.
    """
    await memory.add_conversation([], scope=asked.scopes[0], session=asked.session)


def _remembering(
    memory: AsyncMemory, asked: MemoryHeaders, messages: ChatMessages, prompt: Composed
) -> Callable[[HeardAnswer], Awaitable[None]]:
    """What adds the question's words and the answer to the conversation: nothing of the memories beside them,
    from which the answer is derived.
    """

    async def remember(heard: HeardAnswer) -> None:
        try:
            text = await asyncio.to_thread(heard.text)
        except ValueError as error:
            raise Refusal(
                HTTPStatus.BAD_GATEWAY,
                "not-remembered",
                f"the answer cannot be remembered: {error}",
            ) from None
        if text is None:
            return
        turns: list[JsonObject] = [
            {
                "role": "assistant",
                "text": text,
                "derived_from": [cite.named for cite in prompt.used],
            },
        ]
        if messages.words.strip():
            turns.insert(0, {"role": "user", "text": messages.words})
        await memory.add_conversation(turns, scope=asked.scopes[0], session=asked.session)

    return remember


def _told_of(prompt: Composed) -> dict[str, str]:
    """The headers that name the memories in a prompt."""
    return {
        USED: ", ".join(cite.cube_id for cite in prompt.used[:MOST_NAMED]),
        USED_COUNT: str(len(prompt.used)),
    }
