"""The generations of a vault's projections, and removing those that nobody reads or builds any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed.building import REBUILD, lease_of
from memos.infrastructure.reports import GenerationStatus
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.lease import Lease, holders
from memos.kernel.errors import VaultError

LIVE, FORMER, BEING_BUILT, LEFT_OVER = "live", "former", "being built", "left over"
REMOVABLE = frozenset({FORMER, LEFT_OVER})


def generations(store: CassandraSession) -> tuple[GenerationStatus, ...]:
    """Every generation that there is, by its number."""
    return tuple(
        GenerationStatus(number, state, datetime.fromtimestamp(since / 1_000_000, UTC))
        for number, state, since in _states(store)
    )


def _states(store: CassandraSession) -> Iterator[tuple[int, str, int]]:
    made, held = schema.made_at(store), holders(store)  # in this order: see `building.left_over`
    live, live_since = schema.live_generation(store), schema.live_since(store)
    for number, begun in sorted(made.items()):
        lease = held.get(lease_of(number))
        if number == live:
            yield number, LIVE, live_since
        elif lease is not None:
            yield number, BEING_BUILT, lease.since
        elif number < live:
            yield number, FORMER, live_since
        else:
            yield number, LEFT_OVER, begun


def remove(store: CassandraSession) -> tuple[GenerationStatus, ...]:
    """Remove what is former or left over; what was removed.

    Raises:
        VaultError: a rebuild is under way, which removed it when it began.
    """
    removed = _remove(store, None)
    if removed is None:
        raise VaultError(
            f"a rebuild of the vault in keyspace {store.settings.keyspace} is under way, which "
            "began by removing former generations: remove what it replaces when it has ended"
        )
    return removed


def remove_outlived(store: CassandraSession, kept_hours: float) -> tuple[GenerationStatus, ...]:
    """Remove what has been former or left over for longer than is kept; nothing while a rebuild is under
    way, which does it itself.
    """
    before = datetime.now(UTC) - timedelta(hours=kept_hours)
    return (_removable(store, before) and _remove(store, before)) or ()


def _remove(
    store: CassandraSession, before: datetime | None
) -> tuple[GenerationStatus, ...] | None:
    """Remove what has been former or left over since before a time; None where a rebuild is under way."""
    with Lease(store, REBUILD) as lease:
        if not lease.take():
            return None
        # Who lost a lease, and does not know it yet, switches to none of them any more.
        schema.let_switch(store, lease.holder)
        removed = _removable(store, before)
        for each in removed:
            schema.drop_generation(store, each.number)
    return removed


def _removable(store: CassandraSession, before: datetime | None) -> tuple[GenerationStatus, ...]:
    return tuple(
        each
        for each in generations(store)
        if each.state in REMOVABLE and (before is None or each.since <= before)
    )
