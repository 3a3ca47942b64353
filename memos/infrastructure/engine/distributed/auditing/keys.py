"""The keys of a distributed vault: every row opens under what it is wrapped with, and none is left
of what was erased.
"""

from __future__ import annotations

from collections.abc import Iterator

from memos.infrastructure.batches import batched
from memos.infrastructure.engine.distributed.made_settings import is_sealed_as_made
from memos.infrastructure.engine.distributed.stores import Generation, Stores
from memos.infrastructure.keys.cassandra.unopened_keys import unopened_keys
from memos.infrastructure.reports import Problem
from memos.kernel.event import id_text

KEYS_AT_ONCE = 500
MEND = "put its row back from a backup that has it, or load your last export"


def key_problems(stores: Stores, generation: Generation) -> Iterator[Problem]:
    """What is wrong with settings and keys."""
    if not is_sealed_as_made(stores.settings, stores.cassandra, stores.keys):
        yield Problem("setting", "the settings are not those that the vault was made with")
    unopened = [
        Problem(f"{name}", f"its key {what}: {MEND}")
        for name, what in unopened_keys(stores.cassandra, stores.keys.root)
    ]
    yield from unopened
    if unopened:
        return  # what is wrapped under these cannot be told from what is damaged itself
    for cube_ids in batched(stores.cube_keys.cubes(), KEYS_AT_ONCE):
        for cube_id in stores.cube_keys.unopened(cube_ids):
            yield Problem(f"cube {id_text(cube_id)}", f"its key does not open: {MEND}")
        if not _erasures_under_way(stores):
            for cube_id in generation.vault.erased_among(cube_ids):
                yield Problem(f"cube {id_text(cube_id)}", "it was erased, and its key is there")


def _erasures_under_way(stores: Stores) -> bool:
    """Between the Erased record and the receipt a key may be there still."""
    base = stores.settings.cassandra.keyspace
    return bool(stores.cassandra.execute(f"SELECT operation_id FROM {base}.erasure_begun LIMIT 1"))
