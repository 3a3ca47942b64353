"""One connection: uvicorn's, with an end to what never ends.

A caller may send headers for ever, or a body that nobody waits for, or read no answer: each holds a
connection, and some memory, for so long as it is let.
"""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from memos.interface.http.problems import PROBLEM_MEDIA_TYPE, problem
from memos.interface.http.streams import ABORT
from memos.interface.serialise import json_line

HEADER_SECONDS = 10.0
"""How long the headers of a request may take, from the connection or their first byte on."""

HEADER_BYTES = 65_536
IDLE_SECONDS = 65
"""How long a connection may wait for its next request: longer than clients and what stands between keep
theirs, so that none sends a request into a connection that is just being closed.
"""

REST_BYTES = 1_000_000
REST_SECONDS = 10.0
"""How much of a body is let come, and how long, once its request is answered: a connection that is closed while
its caller sends takes the answer away from them.
"""

WRITE_SECONDS = 30.0
"""How long a caller may read nothing of what waits for them."""


class BoundedProtocol(HttpToolsProtocol):
    """A connection whose headers come in time and are not too long, and whose answers are read."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.access_log = False  # it would tell addresses
        self._header_bytes = 0
        self._parsed_bytes = 0
        self._in_body = False
        self._rest_bytes = 0
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Wait for headers, so long."""
        super().connection_made(transport)
        self._wait(HEADER_SECONDS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Wait for nothing more."""
        self._stop_waiting()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Take data, of headers not too much."""
        if not self._in_body:
            if self._timer is None:
                self._wait(HEADER_SECONDS)
            self._header_bytes += len(data)
        super().data_received(data)
        if not self._in_body and self._header_bytes > HEADER_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large")

    def on_message_begin(self) -> None:
        """Let who answers break the connection."""
        super().on_message_begin()
        self._parsed_bytes = 0
        self.scope["state"][ABORT] = self.transport.abort

    def on_url(self, url: bytes) -> None:
        """A part of the address; long headers may come at once, with a body behind them."""
        self._count(len(url))
        super().on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header."""
        self._count(len(name) + len(value))
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The headers are there."""
        self._stop_waiting()
        self._in_body, self._header_bytes = True, 0
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of the body; of one that nobody waits for any more not too much."""
        super().on_body(body)
        if self.cycle.response_complete:
            self._rest_bytes += len(body)
            if self._rest_bytes > REST_BYTES:
                self.transport.close()

    def on_message_complete(self) -> None:
        """The body is there."""
        self._in_body = False
        self._stop_waiting()
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Take the next request, behind the rest of this one where that is still sent."""
        super().on_response_complete()
        # Else the body is that of the next request: its caller has seen the last byte of this answer.
        if self._in_body and self.cycle.response_complete:
            self._rest_bytes = 0
            self._wait(REST_SECONDS)

    def pause_writing(self) -> None:
        """Wait for the caller to read, so long."""
        super().pause_writing()
        self._writing = self.loop.call_later(WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """The caller has read."""
        if self._writing is not None:
            self._writing.cancel()
            self._writing = None
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        """Tell of what is no HTTP as of everything else."""
        self._refuse(HTTPStatus.BAD_REQUEST, "malformed", msg)

    def _count(self, taken: int) -> None:
        """Count what was parsed of the headers.

        Raises:
            ValueError: it is too much; the parser stops.
        """
        self._parsed_bytes += taken
        if self._parsed_bytes > HEADER_BYTES:
            self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "headers-too-large")
            raise ValueError("headers too large")

    def _wait(self, seconds: float) -> None:
        self._timer = self.loop.call_later(seconds, self._give_up)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _give_up(self) -> None:
        self._timer = None
        if not self._header_bytes:
            self.transport.close()
            return
        self._refuse(HTTPStatus.REQUEST_TIMEOUT, "request-timeout")

    def _refuse(self, status: HTTPStatus, name: str, detail: str = "") -> None:
        """Answer what no application sees, and break off."""
        if self.transport.is_closing():
            return
        body = json_line(problem(status, name, detail or f"{status.description}")).encode()
        head = (
            f"content-type: {PROBLEM_MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n"
            "cache-control: no-store\r\nconnection: close\r\n\r\n"
        )
        self.transport.write(STATUS_LINE[status] + head.encode() + body)
        self.transport.close()
