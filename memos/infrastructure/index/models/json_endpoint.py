"""A model behind HTTP: JSON in, JSON out, and every way to fail told in one kind of error."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from memos.kernel.errors import InvalidInput, MemosError

_AWAY = frozenset(
    {
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.REQUEST_TIMEOUT,
        HTTPStatus.TOO_MANY_REQUESTS,
        HTTPStatus.BAD_GATEWAY,
        HTTPStatus.SERVICE_UNAVAILABLE,
        HTTPStatus.GATEWAY_TIMEOUT,
    }
)
"""Answers that are of the endpoint, whatever it was asked."""

_TOLD = 200  # characters of an error's own words


class JsonEndpoint:
    """One path of one host, asked by POST. Nothing else is ever called.

    Args:
        base_url: up to and without `path`, such as `https://host/v1`.
        path: what is asked below it.
        kind: what to call it in errors, such as `the embeddings endpoint`.
        model: the model's name there, for errors.
        variable: the environment's variable that holds the key where none is given.
        api_key: sent as a bearer token; never shown or logged.
        timeout: seconds that one request may take.
        failure: what a failure raises.
        unavailable: what is raised where it does not answer, or has too much to do.

    Raises:
        InvalidInput: an argument does not fit.
    """

    def __init__(
        self,
        base_url: str,
        path: str,
        *,
        kind: str,
        model: str,
        variable: str,
        api_key: str | None,
        timeout: float,
        failure: type[MemosError],
        unavailable: type[MemosError],
    ) -> None:
        url = urlsplit(base_url)
        if url.scheme not in ("http", "https") or not url.hostname or url.query or url.username:
            raise InvalidInput("base_url must be like https://host/v1, without user or query")
        if timeout <= 0:
            raise InvalidInput("timeout must be above 0")
        self._url = url
        self._path = f"{url.path.rstrip('/')}/{path}"
        self._key = api_key if api_key is not None else os.environ.get(variable, "")
        if not self._key.isascii() or not (self._key.isprintable() or not self._key):
            raise InvalidInput("the API key holds characters that no header may hold")
        self._timeout = timeout
        self._told = f"{kind} at {url.netloc} failed for {model}"
        self._advice = f"check its address, model and key ({variable})"
        self._failure = failure
        self._unavailable = unavailable

    @property
    def url(self) -> str:
        """The base address, as it was given."""
        return self._url.geturl()

    @property
    def identity(self) -> tuple[str, str]:
        """Host and path: what tells two endpoints apart."""
        return self._url.netloc, self._path

    def post(self, body: Mapping[str, Any]) -> Any:
        """What the endpoint answers to a body.

        Raises:
            MemosError: of the kind `failure`, where it does not answer, or not with JSON.
        """
        import http.client  # 11 ms that only who uses an endpoint pays

        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        headers = {"Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        secure = self._url.scheme == "https"
        connect = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        try:
            connection = connect(self._url.hostname or "", self._url.port, timeout=self._timeout)
            try:
                connection.request("POST", self._path, data, headers)
                response = connection.getresponse()
                answer = response.read()
            finally:
                connection.close()
        except (OSError, http.client.HTTPException) as error:
            reason = f"it cannot be reached ({type(error).__name__}: {error})"
            raise self._unavailable(self._explained(reason)) from error
        if response.status != HTTPStatus.OK:
            words = self._without_key(answer[:_TOLD].decode("utf-8", "replace"))
            kind = self._unavailable if response.status in _AWAY else self._failure
            raise kind(self._explained(f"it answered {response.status}: {words}"))
        try:
            return json.loads(answer)
        except ValueError:
            raise self.failed("its answer is no JSON") from None

    def failed(self, reason: str) -> MemosError:
        """The error that tells of a failure."""
        return self._failure(self._explained(reason))

    def _explained(self, reason: str) -> str:
        return f"{self._told}: {reason}; {self._advice}"

    def _without_key(self, text: str) -> str:
        """An endpoint may quote the key back; it goes into no message."""
        return text.replace(self._key, "[key]") if self._key else text
