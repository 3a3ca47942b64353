"""What is refused before any route looks at it: other hosts and pages, keys in addresses, bodies that are
too long, too slow or encoded.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from itertools import chain
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote_plus

from memos.interface.http.cors import cross_origin
from memos.interface.http.problem_answers import answer_of
from memos.interface.http.problems import Refusal
from memos.operation.api_key import PREFIX, holds_key

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from memos.interface.http.settings import HttpSettings

_KEY_NAMES = frozenset(
    {"access_token", "api-key", "api_key", "apikey", "authorization", "bearer", "key", "token"}
)
_BODY_METHODS = frozenset({"POST", "PATCH", "PUT"})
JSON = "application/json"
NDJSON = "application/x-ndjson"
BULK_PATH = "/v1/memories/bulk"


class Guard:
    """Refuses what no route may see. What it raises while a body is read goes through the application."""

    def __init__(self, app: ASGIApp, settings: HttpSettings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        try:
            headers = _single_headers(scope["headers"])
            _check_host(headers, self._settings.hosts)
            _check_origin(headers, self._settings.origins)
            _check_address(scope["path"], scope["query_string"])
            is_bulk = scope["path"] == BULK_PATH
            length = _check_body(scope["method"], headers, NDJSON if is_bulk else JSON)
            most = self._settings.bulk_bytes if is_bulk else self._settings.body_bytes
            if length is not None and length > most:
                raise too_large(most)
        except Refusal as refusal:
            answer = answer_of(refusal)
            answer.headers["Connection"] = "close"
            await answer(scope, receive, send)
            return
        if length or "transfer-encoding" in headers:
            receive = self._bounded(receive, most, is_bulk=is_bulk)
        await self._app(scope, receive, send)

    def _bounded(self, receive: Receive, most: int, *, is_bulk: bool) -> Receive:
        """What gives the body's parts, as long as they come in time and are not too many."""
        loop, seconds, taken = asyncio.get_running_loop(), self._settings.body_seconds, 0
        ends = loop.time() + seconds

        async def bounded() -> Message:
            nonlocal taken, ends
            if is_bulk:  # each of its parts may take so long
                ends = loop.time() + seconds
            try:
                async with asyncio.timeout_at(ends):
                    message = await receive()
            except TimeoutError:
                raise Refusal(
                    HTTPStatus.REQUEST_TIMEOUT,
                    "request-timeout",
                    f"the body did not come within {seconds:g} s: send the request again",
                    headers={"Connection": "close"},
                ) from None
            taken += len(message.get("body", b""))
            if taken > most:
                raise too_large(most)
            if not message.get("more_body", False):
                ends = float("inf")
            return message

        return bounded


def too_large(most: int) -> Refusal:
    """The refusal of a body that is too long."""
    return Refusal(
        HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        "too-large",
        f"the body is longer than {most} bytes: send less at once",
        headers={"Connection": "close"},
    )


_SINGLE = frozenset(
    {
        "authorization",
        "content-encoding",
        "content-length",
        "content-type",
        "host",
        "idempotency-key",
        "if-match",
        "origin",
        "sec-fetch-site",
        "transfer-encoding",
    }
)


def _single_headers(pairs: Iterable[tuple[bytes, bytes]]) -> Mapping[str, str]:
    """The headers that are looked at, none of which may stand twice."""
    found: dict[str, str] = {}
    for raw, value in pairs:
        name = raw.decode("latin-1")
        if name in _SINGLE:
            if name in found:
                raise _malformed(f"the header {name} stands twice")
            found[name] = value.decode("latin-1")
    return found


def _check_host(headers: Mapping[str, str], hosts: tuple[str, ...]) -> None:
    """A page may have its own name point to this machine: then its Host is none of ours."""
    host = headers.get("host", "")
    if not hosts:
        return
    name = host.rpartition(":")[0] if _has_port(host) else host
    if name.lower() not in hosts:
        raise Refusal(
            HTTPStatus.MISDIRECTED_REQUEST,
            "misdirected",
            f"this server answers to {', '.join(hosts)}, and to no other Host",
        )


def _has_port(host: str) -> bool:
    return host.rpartition(":")[2].isdigit()


def _check_origin(headers: Mapping[str, str], origins: tuple[str, ...]) -> None:
    """A browser names the page that a request is of, or says that it is another site's, as of a picture:
    none comes in but ours, and those that are let in.
    """
    origin = headers.get("origin")
    if origin in origins:
        return
    if origin is None:
        is_others = headers.get("sec-fetch-site", "none") not in ("none", "same-origin")
    else:
        authority = origin.partition("://")[2].lower()
        is_others = not authority or authority != headers.get("host", "").lower()
    if is_others:
        raise cross_origin()


def _check_address(path: str, query: bytes) -> None:
    """An address is kept in histories and logs, and told in answers, where a key must not be."""
    told = query.decode("latin-1")
    fields = parse_qsl(told, keep_blank_values=True)
    names = {name.lower() for name, _ in fields}
    alone = (*path.split("/"), *chain.from_iterable(fields))
    if (
        names & _KEY_NAMES
        or any(each.startswith(PREFIX) for each in alone)
        or any(map(holds_key, (path, unquote_plus(told))))
    ):
        raise Refusal(
            HTTPStatus.BAD_REQUEST,
            "key-in-address",
            "an API key in an address is refused, for addresses are kept in logs: revoke that key, "
            "and send another one as Authorization: Bearer",
        )


def _check_body(method: str, headers: Mapping[str, str], media_type: str) -> int | None:
    """That a body is of this type in UTF-8 and not encoded; its length, where that is told.

    A page can send what is no JSON to any server, unasked; JSON it can send only where that lets it.
    """
    encoding = headers.get("content-encoding", "identity").strip().lower()
    if encoding != "identity":
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-encoding",
            "an encoded body is not taken: send it as it is",
            headers={"Accept-Encoding": "identity"},
        )
    told = headers.get("content-length")
    length = int(told) if told is not None and told.isdigit() and len(told) < 20 else None
    if method in _BODY_METHODS and (length or "transfer-encoding" in headers):
        _check_media_type(headers.get("content-type", ""), media_type)
    return length


def _check_media_type(told: str, expected: str) -> None:
    media_type, *parameters = (part.strip().lower() for part in told.split(";"))
    charsets = [each for each in parameters if each.startswith("charset=")]
    is_utf8 = all(each.partition("=")[2].strip('"') in ("utf-8", "utf8") for each in charsets)
    if media_type != expected or not is_utf8:
        raise Refusal(
            HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
            "unsupported-media-type",
            f"the body has to be {expected} in UTF-8, and Content-Type has to say so",
        )


def _malformed(detail: str) -> Refusal:
    return Refusal(HTTPStatus.BAD_REQUEST, "malformed", detail)
