"""A route that takes the parameters that it names, each once: what is ignored would seem done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Set
from http import HTTPStatus
from typing import Any, get_args, get_origin

from fastapi import Request, Response
from fastapi.routing import APIRoute

from memos.interface.http.problems import Refusal


class StrictRoute(APIRoute):
    """A route that refuses parameters of an address that it does not name, or that stand twice."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's work, behind a look at the address."""
        handle = super().get_route_handler()
        named = {each.alias: each.field_info.annotation for each in self.dependant.query_params}
        repeated = {name for name, annotation in named.items() if _takes_several(annotation)}

        async def handle_known(request: Request) -> Response:
            if request.scope["query_string"]:
                given = Counter(name for name, _ in request.query_params.multi_items())
                _check_known(given.keys() - named.keys(), named.keys())
                _check_single([name for name, times in given.items() if times > 1], repeated)
            return await handle(request)

        return handle_known


def _takes_several(annotation: Any) -> bool:
    return any(get_origin(each) is list for each in (annotation, *get_args(annotation)))


def _check_known(unknown: Set[str], known: Collection[str]) -> None:
    if unknown:
        takes = ", ".join(sorted(known)) or "no parameters"
        raise _invalid(
            f"this route takes no {', '.join(map(ascii, sorted(unknown)))}: it takes {takes}"
        )


def _check_single(twice: list[str], repeated: Set[str]) -> None:
    for name in twice:
        if name not in repeated:
            raise _invalid(f"the parameter {name} stands twice: this route takes one")


def _invalid(detail: str) -> Refusal:
    return Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-input", detail)
