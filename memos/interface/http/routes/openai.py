"""OpenAI's chat API, answered by the server behind this one. That server says what its routes take and
give, and OpenAPI here does not.
"""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response

from memos.interface.http.caller import AnyCaller
from memos.interface.http.problems import Refusal
from memos.interface.http.proxy.proxy import Proxy

router = APIRouter(prefix="/openai/v1", include_in_schema=False)

COMPLETIONS, MODELS = "/chat/completions", "/models"


@router.post(COMPLETIONS)
async def complete(request: Request, who: AnyCaller) -> Response:
    """A chat completion, with memories where the headers ask for them."""
    return await _proxy(request).complete(request, who, COMPLETIONS)


@router.get(MODELS)
async def models(request: Request, who: AnyCaller) -> Response:
    """The models that there are."""
    return await _proxy(request).pass_on(request, who, MODELS)


def _proxy(request: Request) -> Proxy:
    proxy: Proxy | None = request.app.state.proxy
    if proxy is None:
        raise Refusal(
            HTTPStatus.NOT_IMPLEMENTED,
            "no-upstream",
            "there is no server behind this one: start it with `memos serve --upstream`",
        )
    return proxy
