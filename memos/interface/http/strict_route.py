"""A route that takes the parameters that it names, and no others: what is ignored would seem done."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute

from memos.interface.http.problems import Refusal


class StrictRoute(APIRoute):
    """A route that refuses parameters of an address that it does not name."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's work, behind a look at the address."""
        handle = super().get_route_handler()
        known = frozenset(parameter.alias for parameter in self.dependant.query_params)

        async def handle_known(request: Request) -> Response:
            if request.scope["query_string"]:
                unknown = request.query_params.keys() - known
                if unknown:
                    raise Refusal(
                        HTTPStatus.UNPROCESSABLE_ENTITY,
                        "invalid-input",
                        f"this route takes no {', '.join(map(ascii, sorted(unknown)))}: it takes "
                        f"{', '.join(sorted(known)) or 'no parameters'}",
                    )
            return await handle(request)

        return handle_known
