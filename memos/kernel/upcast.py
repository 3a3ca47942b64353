"""Upcasters: each brings an event of one released schema version to the next.

The table below is the one choke point; `check_upcasters` refuses a gap or a cycle at start-up.
"""

from __future__ import annotations

from collections.abc import Callable

from memos.wire.event_pb2 import Event, Header

Upcaster = tuple[tuple[int, int], Callable[[Event], None]]

DAY = 86_400_000_000


def _days_to_microseconds(header: Header) -> None:
    if header.lifespan.after_days:
        header.lifespan.after = header.lifespan.after_days * DAY
        header.lifespan.ClearField("after_days")


def lifespans_in_microseconds(event: Event) -> None:
    """1.0 to 1.1: a lifespan was a number of days, and is now in microseconds."""
    if event.HasField("generated"):
        _days_to_microseconds(event.generated.header)
    elif event.HasField("header_changed"):
        _days_to_microseconds(event.header_changed.header)


def unchanged(event: Event) -> None:
    """1.1 to 1.2: what was added is silent in older events, and means there what they meant: every
    freeze is a hold, and no edge of an existing cube says that it binds.
    """


def without_ended_edges(event: Event) -> None:
    """1.2 to 1.3: a rollback ended no edge."""


def without_api_keys(event: Event) -> None:
    """1.3 to 1.4: a tenant had no API keys."""


UPCASTERS: dict[tuple[int, int], Upcaster] = {
    (1, 0): ((1, 1), lifespans_in_microseconds),
    (1, 1): ((1, 2), unchanged),
    (1, 2): ((1, 3), without_ended_edges),
    (1, 3): ((1, 4), without_api_keys),
}
