"""From a call to a request, and from an answer to its value or its error. Nothing is sent here."""

from __future__ import annotations

import inspect
import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from memos.interface.client.routes import FORGOTTEN, NOT_APPLIED, ROUTES, Given, Route, forgotten
from memos.interface.http.statuses import STATUSES
from memos.interface.serialise import plain
from memos.kernel.errors import InvalidInput, MemosError, StoreUnavailable, shorten

if TYPE_CHECKING:
    import httpx

_ERRORS = {name: kind for kind, (_, name) in STATUSES.items()}
_PREFIX = "urn:memos:problem:"
_OF_A_PROBLEM = frozenset({"type", "title", "status", "detail", "errors"})
_ANY_VERSION = "*"
_ID = re.compile(r"[0-9A-Za-z_-]+")
"""What stands in a path: with dots or slashes, or with nothing in it, the path would lead elsewhere."""


def arguments_of(
    method: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """The arguments that a call names, by their names.

    Raises:
        TypeError: the method takes no such arguments.
    """
    bound = _signature(method).bind(None, *args, **kwargs)
    given = dict(bound.arguments)
    given.pop("self")
    return {name: _sent(value) for name, value in given.items()}


@cache
def _signature(method: Callable[..., Any]) -> inspect.Signature:
    return inspect.signature(method)


def _sent(value: Any) -> Any:
    """A value as it is sent: sets and the like as lists, bytes in base64, times in ISO 8601."""
    match value:
        case str() | bytes() | bool() | int() | float() | None | Mapping() | datetime():
            return b64encode(value).decode("ascii") if isinstance(value, bytes) else plain(value)
        case Iterable():
            return [_sent(each) for each in value]
        case _:
            return plain(value)


def request_of(client: httpx.Client | httpx.AsyncClient, name: str, given: Given) -> httpx.Request:
    """The request of a call.

    Raises:
        InvalidInput: an argument is none that a server takes.
    """
    route = ROUTES[name]
    rest = dict(given)
    headers = _headers(route, rest)
    path = route.path.format_map({each: _id_in_path(each, rest[each]) for each in _names(route)})
    left = {each: value for each, value in rest.items() if each not in _names(route)}
    _check_sent(name, left)
    with sendable(name):
        return _built(client, route, path, left, headers)


def _built(
    client: httpx.Client | httpx.AsyncClient,
    route: Route,
    path: str,
    left: dict[str, Any],
    headers: Mapping[str, str],
) -> httpx.Request:
    if route.method == "GET":
        query = {each: _in_address(value) for each, value in left.items() if value is not None}
        return client.build_request(
            "GET", path, params={**query, **(route.always or {})}, headers=headers
        )
    query = {each: value for each in route.in_query if (value := left.pop(each)) is not None}
    if route.method == "DELETE" or not (left or _takes_body(route)):
        return client.build_request(route.method, path, params=query, headers=headers)
    body = json.dumps(left, ensure_ascii=False, allow_nan=False).encode()
    typed = {**headers, "Content-Type": "application/json"}
    return client.build_request(route.method, path, params=query, content=body, headers=typed)


@contextmanager
def sendable(name: str) -> Iterator[None]:
    """While a request is made of arguments.

    Raises:
        InvalidInput: one is nothing that JSON in UTF-8 or an address can hold.
    """
    from httpx import InvalidURL

    try:
        yield
    except (ValueError, TypeError, RecursionError, InvalidURL) as error:
        raise InvalidInput(
            f"{name} cannot be sent: an argument is no Unicode, no number, too deep, too long for an "
            f"address, or nothing that JSON has ({type(error).__name__})"
        ) from None


def _id_in_path(name: str, value: object) -> str:
    if isinstance(value, str) and _ID.fullmatch(value):
        return value
    raise InvalidInput(f"{name} takes an id, not {shorten(value)}")


def _takes_body(route: Route) -> bool:
    return route.path in {"/v1/memories", "/v1/rollbacks", "/v1/erasures"}


@cache
def _path_names(path: str) -> frozenset[str]:
    return frozenset(part[1:-1] for part in path.split("/") if part.startswith("{"))


def _names(route: Route) -> frozenset[str]:
    """The arguments that stand in the path."""
    return _path_names(route.path)


def _headers(route: Route, rest: dict[str, Any]) -> dict[str, str]:
    """Those that arguments are sent in; these are taken out of `rest`."""
    headers: dict[str, str] = {}
    key = rest.pop("idempotency_key", None)
    if key is not None:
        headers["Idempotency-Key"] = key_in_header(key)
    if route.changes:
        version = rest.pop("expected_version", None)
        headers["If-Match"] = _ANY_VERSION if version is None else _version_in_header(version)
    return headers


def key_in_header(key: object) -> str:
    """An idempotency key as it is sent: in quotes, within which blanks and quotes stay.

    Raises:
        InvalidInput: it holds what no header may hold.
    """
    if isinstance(key, str) and key and key.isascii() and key.isprintable():
        return f'"{key}"'
    raise InvalidInput(f"idempotency_key takes printable ASCII characters, not {shorten(key)}")


def _version_in_header(version: object) -> str:
    if isinstance(version, int) and not isinstance(version, bool):
        return f'"{version}"'
    raise InvalidInput(f"expected_version takes a whole number, not {shorten(version)}")


def _check_sent(name: str, rest: Mapping[str, Any]) -> None:
    for each, value in rest.items():
        if callable(value):
            raise InvalidInput(
                f"{name} takes no {each} from afar: a function cannot be sent to a server"
            )


def _in_address(value: Any) -> Any:
    return json.dumps(value) if isinstance(value, dict) else value


def value_in(name: str, given: Given, response: httpx.Response) -> Any:
    """What an answer holds.

    Raises:
        MemosError: what the server told, as the same class as in a process.
    """
    route = ROUTES[name]
    told = body_of(response)
    if response.is_success and response.status_code != NOT_APPLIED:
        return route.answer(told, given)
    if route.forgets and isinstance(told, dict) and told.get("type") == FORGOTTEN:
        return forgotten(given)
    raise problem_error(response.status_code, told)


def body_of(response: httpx.Response) -> Any:
    """The JSON of an answer; None where it is none."""
    try:
        return response.json()
    except ValueError:
        return None


def problem_error(status: int, told: Any) -> MemosError:
    """The error that a problem tells of: of the same class as in a process."""
    if not isinstance(told, dict) or not str(told.get("type")).startswith(_PREFIX):
        return StoreUnavailable(
            f"the server answered {status}, and not as a server of memories does: check its address, and "
            "what stands between"
        )
    name = str(told["type"]).removeprefix(_PREFIX)
    kind = _ERRORS.get(name) or _kind_of_refusal(status)
    error = kind.__new__(kind)
    error.args = (told.get("detail", name),)
    for each, value in told.items():
        if each not in _OF_A_PROBLEM:
            setattr(error, each, tuple(value) if isinstance(value, list) else value)
    return error


def _kind_of_refusal(status: int) -> type[MemosError]:
    """What a refusal of the door itself is, by its status."""
    for kind, (its, _) in STATUSES.items():
        if its == status:
            return kind
    return InvalidInput if 400 <= status < 500 else StoreUnavailable
