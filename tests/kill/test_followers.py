"""SIGKILL of the workers that count and seal: no use is lost or counted twice, every note holds."""

from __future__ import annotations

import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from memos import Memory, SignedCheckpoint
from memos.infrastructure.engine.distributed.waiter import Waiter
from memos.infrastructure.keys.signer import NoteVerifier
from memos.kernel.event import id_bytes
from memos.kernel.note import Checkpoint, open_note
from tests.fleet import PARTITIONS, Fleet
from tests.kill.load import ACTOR
from tests.kill.trial import PATIENCE_SECONDS, Trial, caught_up, check_projections, keep
from tests.kill.worker import CALL, STEP
from tests.scenarios.place import read

CUBES = 12
READS = 60
ITEMS = 8
OF_USAGE = ["amid the uses", pytest.param("after the uses", marks=pytest.mark.soak)]
LAST_OF_SEAL = "after the note"
OF_SEAL = [
    "after the tiles",
    pytest.param("after the frontier", marks=pytest.mark.soak),
    pytest.param("after the seal's checkpoint", marks=pytest.mark.soak),
    LAST_OF_SEAL,
]


def engine_of(memory: Memory) -> Any:
    """The engine under a vault."""
    return memory._session.engine


@contextmanager
def killed_at(fleet: Fleet, worker: str, step: str) -> Iterator[None]:
    """Inside, a worker is killed at a step; at the end another one takes over."""
    fleet.stop(worker)
    doomed = fleet.start(
        worker,
        name="doomed",
        program="tests.kill.worker",
        environment={STEP: step, CALL: "2"},
        options=["--instance", worker],
    )
    yield
    assert doomed.wait(PATIENCE_SECONDS) == -9, fleet.told()
    fleet.start(worker, options=["--instance", worker])  # as a supervisor does, at once


def use(memory: Memory, cubes: Iterable[str], counted: Counter[str]) -> None:
    """Read memories one after another, the first ones more often than the last."""
    for number, cube in enumerate(cubes):
        for _ in range(READS // CUBES - number % 4):
            read(memory, cube)
            counted[cube] += 1


def uses(memory: Memory, cubes: Iterable[str]) -> Counter[str]:
    """How often memories were used, by the projection."""
    found = engine_of(memory).live().usage.usages([id_bytes(cube) for cube in cubes])
    return Counter({cube: found[id_bytes(cube)].uses for cube in cubes})


@pytest.mark.parametrize("step", OF_USAGE)
def test_a_usage_worker_killed_amid_a_batch_counts_every_use_once(fleet: Fleet, step: str) -> None:
    counted: Counter[str] = Counter()
    with Memory(fleet.path, actor=ACTOR) as memory:
        items = [{"text": f"{step} {n}", "scope": "used"} for n in range(CUBES)]
        cubes = [receipt.cube_id for receipt in memory.add_many(items)]
        fleet.stop("usage")
        use(memory, cubes, counted)  # a batch of several in every partition
        with killed_at(fleet, "usage", step):
            use(memory, cubes, counted)
        began = time.monotonic()
        use(memory, cubes, counted)
        digest = memory.usage_digest()
        seconds = time.monotonic() - began
        assert uses(memory, cubes) == counted
        assert memory.usage_digest() == digest
    keep(f"usage killed {step}", seconds=seconds, uses=counted.total(), missing=0)


def test_after_all_kills_a_replay_of_the_accesses_counts_the_same(fleet: Fleet) -> None:
    check_projections(fleet)
    with Memory(fleet.path, actor=ACTOR) as memory:
        digest, usage = memory.digest(), memory.usage_digest()
        memory.rebuild()
        assert (memory.digest(), memory.usage_digest()) == (digest, usage)


def published(memory: Memory) -> dict[int, list[SignedCheckpoint]]:
    """Every checkpoint that was ever published, by partition; each is signed by the vault."""
    verifier = NoteVerifier(memory.verifier_key())
    found = defaultdict(list)
    log = engine_of(memory).stores.logs.checkpoints
    for records in log.read_all(log.end(), {0: 1}):  # behind the mark of the topics
        for record in records:
            note = record.data.decode()
            told = Checkpoint.parse(open_note(note, [verifier]).text)
            partition = int(told.origin.rpartition("/")[2])
            found[partition].append(SignedCheckpoint(told.size, told.root.hex(), note))
    return found


def sealed(memory: Memory) -> None:
    """Wait until the trees hold all of the log."""
    engine = engine_of(memory)
    ends = engine.stores.logs.events.end()
    Waiter(engine.live.watch, PATIENCE_SECONDS).until_passed("seal", ends)


@pytest.mark.parametrize("step", OF_SEAL)
def test_a_seal_worker_killed_amid_a_batch_signs_one_log(fleet: Fleet, step: str) -> None:
    trial = Trial(fleet, ITEMS)
    with Memory(fleet.path, actor=ACTOR) as memory:
        before = [memory.checkpoint(partition) for partition in range(PARTITIONS)]
        with killed_at(fleet, "seal", step):
            trial.begin()
        killed = time.monotonic()
        trial.end()
        caught_up(fleet)
        sealed(memory)
        seconds = time.monotonic() - killed
        key = memory.verifier_key()
        notes = published(memory)
        for partition, earlier in enumerate(before):
            roots: dict[int, str] = {}
            for note in (earlier, *notes[partition]):
                assert roots.setdefault(note.size, note.root) == note.root
                if note.size:
                    grown = memory.prove_consistency(note, partition)
                    assert grown.verify(note.root, key)
    count = sum(map(len, notes.values()))
    assert count
    trial.check(f"seal killed {step}", seconds=seconds, notes=count)
    if step == LAST_OF_SEAL:
        check_projections(fleet)
