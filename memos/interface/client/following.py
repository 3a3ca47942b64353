"""The changes of a vault as they come."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from memos.interface.client.asking import sendable
from memos.interface.client.values import value_of
from memos.kernel.errors import InvalidInput
from memos.operation.reads.history import LogEntry

if TYPE_CHECKING:
    import httpx
    from httpx_sse import ServerSentEvent

AGAIN_SECONDS = 1.0
"""After a stream that ended, until what is behind it is asked for: the answer says why it ended."""

SILENCE_SECONDS = 60.0
"""After which a stream is given up: a server with no news says every 15 seconds that it is there."""


class FollowedChange(NamedTuple):
    """A record of the log, and the id by which to go on behind it."""

    id: str
    entry: LogEntry


def changes_request(
    client: httpx.Client | httpx.AsyncClient, wanted: Mapping[str, str | None], since: str | None
) -> httpx.Request:
    """The request that follows them.

    Raises:
        InvalidInput: an argument cannot be sent.
    """
    from httpx import Timeout

    headers = {"Accept": "text/event-stream"}
    if since is not None:
        headers["Last-Event-ID"] = _checked_place(since)
    query = {name: value for name, value in wanted.items() if value is not None}
    timeout = Timeout(client.timeout.connect, read=SILENCE_SECONDS)
    with sendable("changes"):
        return client.build_request(
            "GET", "/v1/changes", params=query, headers=headers, timeout=timeout
        )


def _checked_place(since: object) -> str:
    if isinstance(since, str) and since.isascii() and since.isprintable() and " " not in since:
        return since
    raise InvalidInput("since is no id of a change: pass the last one that was received, as it is")


def change_in(event: ServerSentEvent) -> FollowedChange | None:
    """The record of an event; None where it only tells that the server is there."""
    if not event.data:
        return None
    return FollowedChange(event.id, value_of(LogEntry, json.loads(event.data)))
