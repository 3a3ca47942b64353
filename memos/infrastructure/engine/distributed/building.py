"""What is built beside the live projections: each part under a lease, so that nobody takes it for left
over; and dropping what is.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.index.milvus.generations import Generations
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.lease import Lease, holders

REBUILD = "rebuild"
"""The lease of who rebuilds: one at a time may put a generation in the live one's place."""


def lease_of(generation: int) -> str:
    """The name of the lease under which a generation is built."""
    return f"generation {generation}"


def lease_of_collection(collection: str) -> str:
    """The name of the lease under which a collection of vectors is built."""
    return f"collection {collection}"


@contextmanager
def built_generation(store: CassandraSession) -> Iterator[tuple[int, Lease]]:
    """An empty generation, and the lease under which it is filled."""
    with ExitStack() as stack:
        lease: Lease | None = None

        def may_claim(number: int) -> bool:
            nonlocal lease
            lease = stack.enter_context(Lease(store, lease_of(number)))
            return lease.take()

        number = schema.new_generation(store, may_claim)
        assert lease is not None  # noqa: S101 - the number was claimed under it
        yield number, lease


@contextmanager
def built_collection(store: CassandraSession, collections: Generations) -> Iterator[int]:
    """An empty collection of vectors, under a lease while it is filled."""
    with ExitStack() as stack:
        yield collections.new_generation(
            lambda number: stack.enter_context(
                Lease(store, lease_of_collection(collections.name(number)))
            ).take()
        )


def left_over(store: CassandraSession) -> list[int]:
    """The generations that are neither live nor being built: replaced, or of who was killed."""
    # In this order: who builds takes the lease first, and lets go of it when the switch is done.
    numbers, held = schema.generations(store), holders(store)
    live = schema.live_generation(store)
    return [number for number in numbers if number != live and lease_of(number) not in held]


def drop_collections_left_over(store: CassandraSession, collections: Generations) -> None:
    """Drop the collections of a model that are neither live nor being built."""
    numbers, held = collections.all(), holders(store)  # in this order: see `left_over`
    live = collections.live()
    if live is None:
        return  # the first is being made
    for number in numbers:
        if number != live and lease_of_collection(collections.name(number)) not in held:
            collections.drop(number)


def show_collection(store: CassandraSession, collections: Generations, generation: int) -> None:
    """Show readers the vectors that belong to a generation, in place of those that they replace: a
    rebuild that was killed had switched the generation, and not yet these.
    """
    named = schema.collection_of(store, generation)
    for number in collections.all():
        if collections.name(number) == named:
            collections.switch(number)
            drop_collections_left_over(store, collections)
