"""Answers from memories, where the server has a model."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Request, Response
from pydantic import Field

from memos.interface.http.answers import answer
from memos.interface.http.bodies import AsOfText, Body, JsonObject, Scopes
from memos.interface.http.caller import AnyCaller
from memos.interface.http.problems import Refusal, documented
from memos.interface.http.settings import HttpSettings
from memos.interface.http.shapes import model_of
from memos.interface.http.strict_route import StrictRoute
from memos.operation.chat.answer import ChatAnswer

router = APIRouter(prefix="/v1", tags=["chat"], route_class=StrictRoute)


class ChatTurn(Body):
    """A question, as `Memory.chat` takes it."""

    messages: list[JsonObject]
    scope: Scopes
    remember: bool = False
    session: str = "chat"
    state: str | None = None
    max_tokens: int = Field(512, ge=1)
    budget_tokens: int = Field(1000, ge=1)
    pinned_tokens: int | None = None
    history_tokens: int | None = None
    k: int = Field(30, ge=1, le=1000)
    as_of: AsOfText | None = None
    filter: JsonObject | None = None
    recipe: str | None = None
    adapters: bool = True


@router.post(
    "/chat",
    response_model=model_of(ChatAnswer),
    responses=documented(501),
)
async def chat(turn: ChatTurn, who: AnyCaller, request: Request) -> Response:
    """Answer the last of some messages from memories."""
    settings: HttpSettings = request.app.state.settings
    if settings.model is None:
        raise Refusal(
            HTTPStatus.NOT_IMPLEMENTED,
            "no-model",
            "this server has no model to answer with: start it with `memos serve --model`",
        )
    return answer(await who.memory.chat(**turn.given(), model=settings.model))
