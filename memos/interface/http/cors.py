"""Web pages of other origins that are let in: what their browsers ask before, and what answers tell them."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

from starlette.middleware.cors import CORSMiddleware

from memos.interface.http.problem_answers import answer_of
from memos.interface.http.problems import Refusal

if TYPE_CHECKING:
    from collections.abc import Collection

    from starlette.datastructures import Headers
    from starlette.responses import Response
    from starlette.types import ASGIApp

_METHODS = ("GET", "POST", "PATCH", "PUT", "DELETE")
_TOLD = (
    "ETag",
    "Location",
    "RateLimit",
    "RateLimit-Policy",
    "Retry-After",
    "WWW-Authenticate",
    "X-Memos-Error",
    "X-Memos-Request-ID",
    "X-Memos-Used",
    "X-Memos-Used-Count",
    "X-Request-ID",
)


class Cors(CORSMiddleware):
    """Tells the browsers of these origins' pages that they may, in every answer: refusals too. A page that is let in
    may send any header, for none but its own key lets it do anything.
    """

    def __init__(self, app: ASGIApp, origins: Collection[str]) -> None:
        super().__init__(
            app,
            allow_origins=origins,
            allow_methods=_METHODS,
            allow_headers=["*"],
            expose_headers=_TOLD,
        )

    def preflight_response(self, request_headers: Headers) -> Response:
        """What a browser is told before it sends a page's request."""
        told = super().preflight_response(request_headers)
        if told.status_code == HTTPStatus.OK:
            return told
        return answer_of(cross_origin())


def cross_origin() -> Refusal:
    """The refusal of a page that is not let in."""
    return Refusal(
        HTTPStatus.FORBIDDEN,
        "cross-origin",
        "the request is of a web page of another origin: `memos serve --cors-origin` lets one in",
    )
