"""Checking a distributed vault: the log against what was signed, the projections against the log.

A plain consumer reads the log, many times faster than a stream, and calls the same fold.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from memos.infrastructure.batches import batched
from memos.infrastructure.engine.distributed.key_presence import (
    HEADS_AT_ONCE,
    cubes_without_keys,
)
from memos.infrastructure.engine.distributed.stores import Generation, Stores
from memos.infrastructure.engine.distributed.workers.seal import Seals
from memos.infrastructure.progress import Progress
from memos.infrastructure.reports import (
    MOST_PROBLEMS,
    PROJECTIONS_NOT_COMPARED,
    Problem,
    Verification,
)
from memos.infrastructure.vault.cassandra.attempts import Outline
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.infrastructure.vault.cassandra.writer import FOLD
from memos.kernel.cube import CubeState
from memos.kernel.event import Record, Undecodable, decode, id_text
from memos.kernel.keyed_fold import KeyedFold
from memos.kernel.outcome import UNDECODABLE
from memos.kernel.state import checksum, rewritten, state_to_bytes

REPORT_EVERY = 1000


def verify(stores: Stores, generation: Generation, progress: Progress) -> Verification:
    """Read the log and every head, and check them against signed trees and checksums."""
    problems: list[Problem] = []
    ends = stores.logs.events.end()
    total, done, checkpoints = sum(ends.values()), 0, 0
    for partition, end in sorted(ends.items()):
        seals = Seals(stores, generation, partition)
        for record in stores.logs.events.read(partition, 0, end):
            seals.push(record)
            done += 1
            if not done % REPORT_EVERY:
                progress(done, total)
        problems += seals.problems()
        checkpoints += seals.checked
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


def audit(stores: Stores, generation: Generation, progress: Progress) -> Verification:
    """Fold the log again, a partition at a time, and compare each outcome and each head."""
    vault = generation.vault
    problems: list[Problem] = []
    folded = vault.checkpoints(FOLD)
    total, done = sum(offset for offset, _, _ in folded.values()), 0
    heads: dict[bytes, bytes] = {}
    for partition, (end, _, _) in sorted(folded.items()):
        states: dict[bytes, CubeState | None] = {}
        keyed = KeyedFold()
        for records in _batches(stores, partition, end):
            outlines = [_refold(record, states, keyed) for record in records]
            problems += _compare(vault, partition, outlines)
            done += len(records)
            progress(done, total)
        heads |= {
            cube_id: state_to_bytes(state) for cube_id, state in states.items() if state is not None
        }
    problems += _compare_heads(vault, heads)
    return Verification(done, len(heads), 0, tuple(problems[:MOST_PROBLEMS]))


def _batches(stores: Stores, partition: int, end: int) -> Iterator[Sequence[Record]]:
    yield from stores.logs.events.read_all({partition: end})


def _refold(record: Record, states: dict[bytes, CubeState | None], keyed: KeyedFold) -> Outline:
    offset = record.position.offset
    try:
        event = decode(record.data)
    except Undecodable:
        return Outline(offset, b"", 0, int(UNDECODABLE.result))
    state, outcome, _ = keyed.fold(states.get(event.cube_id), event)
    states[event.cube_id] = state
    sequence = 0 if state is None else state.sequence
    return Outline(offset, event.cube_id, sequence, int(outcome.result))


def _compare(
    vault: CassandraVault, partition: int, expected: Sequence[Outline]
) -> Iterator[Problem]:
    """The records whose stored outcome is missing or is not what the fold gives."""
    first, last = expected[0].offset, expected[-1].offset
    rows = {row.offset: row for row in vault.outlines(partition, first, last + 1)}
    for outline in expected:
        stored = rows.get(outline.offset)
        if stored != outline:
            what = "missing" if stored is None else "not what the fold gives"
            yield Problem(
                f"{partition}:{outline.offset}", f"its outcome is {what}: run `memos rebuild`"
            )


def _compare_heads(vault: CassandraVault, expected: dict[bytes, bytes]) -> Iterator[Problem]:
    seen = set()
    for cube_id, stored, check in vault.heads():
        seen.add(cube_id)
        refolded = expected.get(cube_id)
        if checksum(stored) != check:
            yield _damaged(cube_id)
        elif refolded is None:
            yield Problem(f"cube {id_text(cube_id)}", "no record of the log made it")
        elif rewritten(stored) != refolded:
            yield Problem(
                f"cube {id_text(cube_id)}",
                "its head is not what the fold gives: run `memos rebuild`",
            )
    for cube_id in expected.keys() - seen:
        yield Problem(f"cube {id_text(cube_id)}", "it has no head: run `memos rebuild`")


def _damaged(cube_id: bytes) -> Problem:
    return Problem(f"cube {id_text(cube_id)}", "its head is damaged: run `memos rebuild`")
