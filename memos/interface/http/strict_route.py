"""A route that takes what it names, parameters each once: what is ignored would seem done."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Collection, Coroutine, Set
from http import HTTPStatus
from typing import Any, get_args, get_origin

from fastapi import Request, Response
from fastapi.routing import APIRoute

from memos.interface.http.idempotency import idempotency_key, no_key_kept
from memos.interface.http.problems import Refusal


class _Utf8Request(Request):
    """A request whose JSON is in UTF-8: Python's reader would guess at other encodings."""

    async def json(self) -> Any:
        """What the body holds.

        Raises:
            JSONDecodeError: no JSON.
            Refusal: it is in no UTF-8.
        """
        try:
            return json.loads((await self.body()).decode("utf-8"))
        except UnicodeDecodeError:
            raise Refusal(HTTPStatus.BAD_REQUEST, "malformed", "this is no JSON in UTF-8") from None


class StrictRoute(APIRoute):
    """A route that refuses parameters of an address that it does not name, or that stand twice, an
    Idempotency-Key that it does not keep, and JSON that is not in UTF-8.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The route's work, behind a look at address and headers."""
        handle = super().get_route_handler()
        named = {each.alias: each.field_info.annotation for each in self.dependant.query_params}
        repeated = {name for name, annotation in named.items() if _takes_several(annotation)}

        keeps_keys = any(each.call is idempotency_key for each in self.dependant.dependencies)

        async def handle_known(request: Request) -> Response:
            if request.scope["query_string"]:
                given = Counter(name for name, _ in request.query_params.multi_items())
                _check_known(given.keys() - named.keys(), named.keys())
                _check_single([name for name, times in given.items() if times > 1], repeated)
            if not keeps_keys and "idempotency-key" in request.headers:
                raise no_key_kept()
            return await handle(_Utf8Request(request.scope, request.receive))

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
