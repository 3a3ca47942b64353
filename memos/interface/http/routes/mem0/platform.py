"""mem0's platform for who asks."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import Depends, Request

from memos.interface.compat.mem0.platform import Platform
from memos.interface.http.caller import AnyCaller
from memos.interface.http.problems import Refusal
from memos.interface.http.settings import HttpSettings


async def base_scope(who: AnyCaller) -> str:
    """What all memories of the caller lie below: the first scope of the key, by name, or its tenant.

    Raises:
        Refusal: there is no key that says so.
    """
    reach = who.memory.reach
    if not reach:
        raise Refusal(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "invalid-input",
            "mem0's paths store below the scope of an API key: send one of a tenant (`memos api-key create`)",
        )
    return reach[0]


BaseScope = Annotated[str, Depends(base_scope)]


async def platform(who: AnyCaller, scope: BaseScope, request: Request) -> Platform:
    """The platform on the caller's vault; the server's model makes memories of messages."""
    settings: HttpSettings = request.app.state.settings
    return Platform(who.memory.memory, scope=scope, chat_model=settings.model)


AnyPlatform = Annotated[Platform, Depends(platform)]
