"""Named moments."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import APIRouter, Response
from pydantic import BaseModel

from memos.interface.http.answers import answer
from memos.interface.http.bodies import Body
from memos.interface.http.caller import AnyCaller
from memos.interface.http.problems import documented
from memos.interface.http.shapes import model_of
from memos.interface.http.strict_route import StrictRoute
from memos.operation.receipt import Receipt

router = APIRouter(prefix="/v1/cuts", tags=["cuts"], route_class=StrictRoute)


class NewCut(Body):
    """The name of this moment."""

    name: str


class Cuts(BaseModel):
    """Each cut, and the number of records before it."""

    cuts: dict[str, int]


@router.get("", response_model=Cuts)
async def cuts(who: AnyCaller) -> Response:
    """The named cuts."""
    return answer({"cuts": await who.memory.cuts()})


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    responses={201: {"model": model_of(Receipt)}, **documented(202)},
)
async def name_cut(new: NewCut, who: AnyCaller) -> Response:
    """Name this moment, for `as_of` and rollbacks."""
    return answer(await who.memory.name_cut(new.name), HTTPStatus.CREATED)
