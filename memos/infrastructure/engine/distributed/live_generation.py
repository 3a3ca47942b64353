"""The projections that a reader goes by: the live ones, and after a rebuild those that it made."""

from __future__ import annotations

import time
from threading import Lock

from memos.infrastructure.engine.distributed.checkpoint_watch import CheckpointWatch
from memos.infrastructure.engine.distributed.stores import Generation, Stores
from memos.infrastructure.index.cassandra.rows import PROJECTION as INDEX
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.errors import Damaged

GENERATION_SECONDS = 2.0
"""How long a reader goes on with projections that a rebuild has replaced, where the new ones are as far."""

AGAIN_SECONDS = 0.2
"""Between two looks of who waits for them to be."""

FOLLOW_SECONDS = 10.0
"""How long it waits for them to be: a checkpoint that is damaged may be out of reach."""


def is_as_far(generation: Generation, replaced: Generation) -> bool:
    """Whether a generation is where the one is that it replaces, as far as that can be told: else a reader
    would step back.
    """
    projections = (FOLD, INDEX)
    try:
        now, before = (each.vault.offsets(projections) for each in (generation, replaced))
    except Damaged:
        return True  # nobody waits for a checkpoint that says nothing
    return all(
        now[projection].get(partition, 0) >= offset
        for projection in projections
        for partition, offset in before[projection].items()
    )


class LiveGeneration:
    """Gives the projections that are live, as of the last seconds. Safe for threads.

    After a rebuild beside writers it goes on with the replaced ones until the new ones are as far: what
    was read once is there.
    """

    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._lock = Lock()
        self._generation = stores.live()
        self._looked = time.monotonic()
        self._replaced_at: float | None = None
        self.watch = CheckpointWatch(self.vault)

    def __call__(self) -> Generation:
        with self._lock:
            if time.monotonic() - self._looked >= GENERATION_SECONDS:
                self._follow(self._stores.live())
            return self._generation

    def vault(self) -> CassandraVault:
        """The live vault."""
        return self().vault

    def settled(self) -> Generation:
        """The projections that are live, once they are as far as those that they replaced, or that was waited
        for in vain.
        """
        while True:
            self.look_again()
            generation = self()
            if generation.number == self._stores.live_number():
                return generation
            time.sleep(AGAIN_SECONDS)

    def look_again(self) -> None:
        """Look at the next call: whoever has just rebuilt goes by what came of it."""
        with self._lock:
            self._looked = -GENERATION_SECONDS

    def _follow(self, newest: Generation) -> None:
        now, replaced = time.monotonic(), self._generation
        if newest.number != replaced.number:
            self._replaced_at = self._replaced_at or now
            if (
                now - self._replaced_at <= FOLLOW_SECONDS
                and schema.is_there(self._stores.cassandra, replaced.number)
                and not is_as_far(newest, replaced)
            ):
                # Others wait for this look: the next is not made by each of them.
                self._looked = now - GENERATION_SECONDS + AGAIN_SECONDS
                return
            self._generation = newest
        self._replaced_at = None
        self._looked = now
