"""Checking a distributed vault: the log against what was signed, the projections against the log.

A plain consumer reads the log, many times faster than a stream, and calls the same fold.
"""

from __future__ import annotations

from memos.infrastructure.batches import batched
from memos.infrastructure.engine.distributed.key_presence import (
    HEADS_AT_ONCE,
    cubes_without_keys,
)
from memos.infrastructure.engine.distributed.stores import Generation, Stores
from memos.infrastructure.engine.distributed.workers.seal import Seals
from memos.infrastructure.engine.kept_keys import lost_keys
from memos.infrastructure.progress import Progress
from memos.infrastructure.reports import (
    MOST_PROBLEMS,
    PROJECTIONS_NOT_COMPARED,
    Problem,
    Verification,
)
from memos.kernel.event import id_text
from memos.kernel.state import checksum

REPORT_EVERY = 1000


def verify(stores: Stores, generation: Generation, progress: Progress) -> Verification:
    """Read the log and every head, and check them against signed trees and checksums."""
    problems: list[Problem] = []
    every = {p: Seals(stores, generation, p) for p in stores.logs.events.partitions}
    ends = stores.logs.events.end()  # behind all that is sealed by now
    total, done, checkpoints = sum(ends.values()), 0, 0
    for partition, end in sorted(ends.items()):
        seals = every[partition]
        for record in stores.logs.events.read(partition, 0, end):
            seals.push(record)
            done += 1
            if not done % REPORT_EVERY:
                progress(done, total)
        problems += seals.problems()
        checkpoints += seals.checked
    problems += lost_keys(stores.keys)
    cubes = keys_missing = 0
    for heads in batched(generation.vault.heads(), HEADS_AT_ONCE):
        cubes += len(heads)
        problems += [
            _damaged(cube_id) for cube_id, stored, check in heads if checksum(stored) != check
        ]
        without = cubes_without_keys(stores.cube_keys, generation.vault, heads)
        keys_missing += len(without)
        for cube_id in without[: max(0, MOST_PROBLEMS - len(problems))]:
            why = stores.cube_keys.missing(cube_id)
            problems.append(Problem(f"cube {id_text(cube_id)}", str(why)))
    progress(total, total)
    return Verification(
        done,
        cubes,
        checkpoints,
        tuple(problems[:MOST_PROBLEMS]),
        keys_missing,
        (PROJECTIONS_NOT_COMPARED,),
    )


def _damaged(cube_id: bytes) -> Problem:
    return Problem(f"cube {id_text(cube_id)}", "its head is damaged: run `memos rebuild`")
