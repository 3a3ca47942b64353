"""The judge: what workers were told, held against what the vault holds."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from memos import Forgotten, Memory, Position
from memos.infrastructure.engine.embedded.reader import EmbeddedReader
from memos.infrastructure.keys.signer import NoteVerifier
from memos.infrastructure.log.sqlite import stored_tree, tree_nodes
from memos.kernel.event import decode, id_bytes, id_text
from memos.kernel.merkle import consistency_proof, verify_consistency
from memos.kernel.note import Checkpoint, open_note
from memos.kernel.outcome import Result
from memos.operation.cube import read_cube
from tests.hammer.journal import Attempt, read_journal
from tests.hammer.operations import TENANT
from tests.opened import stores_of

SEARCHED = 20


@dataclass
class Verdict:
    """What was checked, and every broken promise in words."""

    attempts: Counter[str] = field(default_factory=Counter)
    acknowledged: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    cut_off: int = 0
    checked: Counter[str] = field(default_factory=Counter)
    lost: list[str] = field(default_factory=list)
    half: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    events: int = 0

    @property
    def ok(self) -> bool:
        """Whether every promise was kept."""
        return not (self.lost or self.half or self.broken)


def judge(vault: Path, journals: list[Path], counters: list[str], seed: str) -> Verdict:
    """Open the vault, as after any crash, and check it against the journals."""
    verdict = Verdict()
    attempts = [attempt for path in journals for attempt in read_journal(path)]
    for attempt in attempts:
        verdict.attempts[attempt.do] += 1
        if attempt.done is not None:
            verdict.acknowledged[attempt.do] += 1
        elif attempt.refused:
            verdict.refused[attempt.refused] += 1
        elif attempt.fault:
            verdict.broken.append(attempt.fault)
        else:
            verdict.cut_off += 1
    with Memory(vault, actor="user:admin") as memory:
        engine = stores_of(memory)
        with engine.read() as reader:
            if reader.vault.erasing():
                verdict.broken.append("an erase was not resumed")
            _check_receipts(reader, attempts, verdict)
            _check_operations(reader, attempts, verdict)
            _check_checkpoints(memory, reader, attempts, verdict)
        _check_batches(memory, attempts, verdict)
        _check_keys(memory, attempts, verdict)
        for counter in counters:
            _check_counter(memory, counter, attempts, verdict)
        _check_rebuild(memory, attempts, seed, verdict)
        verdict.events = memory.stats().events
    return verdict


def _receipts(attempts: list[Attempt]) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(facts, acknowledged receipt) of everything that was acknowledged with one."""
    found = []
    for attempt in attempts:
        if attempt.done and "event" in attempt.done:
            found.append((attempt.facts, attempt.done))
        found.extend(({}, item) for item in (attempt.done or {}).get("receipts", ()))
    return found


def _check_receipts(reader: EmbeddedReader, attempts: list[Attempt], verdict: Verdict) -> None:
    """Each acknowledged event is where its receipt says, with its version and its text."""
    for facts, receipt in _receipts(attempts):
        verdict.checked["receipts"] += 1
        offset = Position.parse(receipt["position"]).offset
        attempt = reader.vault.by_event(id_bytes(receipt["event"]))
        if attempt is None or attempt.position.offset != offset:
            verdict.lost.append(f"{receipt} is not in the log: {attempt}")
            continue
        event = decode(reader.event(Position(0, offset)).SerializeToString())
        found = (id_text(event.event_id), id_text(event.cube_id), attempt.outcome.version)
        if found != (receipt["event"], receipt["cube"], receipt["version"]):
            verdict.lost.append(f"{receipt} is another event: {found}")
        if "text" in facts or "line" in facts:
            _check_text(reader, facts, receipt, verdict)


def _check_text(
    reader: EmbeddedReader, facts: dict[str, Any], receipt: dict[str, Any], verdict: Verdict
) -> None:
    attempt = reader.vault.version(id_bytes(receipt["cube"]), receipt["version"])
    cube = None if attempt is None else read_cube(reader, attempt)
    if isinstance(cube, Forgotten):
        head = reader.vault.head(id_bytes(receipt["cube"]))
        if head is None or head.lifecycle.name != "ERASED":
            verdict.lost.append(f"{receipt} lost its key without an erase")
        verdict.checked["erased"] += 1
    elif cube is None:
        verdict.lost.append(f"{receipt} has no version in the vault")
    elif "line" in facts:
        if cube.text.splitlines()[-1] != facts["line"]:
            verdict.lost.append(f"{receipt} does not end with {facts['line']}")
    elif cube.text != facts["text"]:
        verdict.lost.append(f"{receipt} reads {cube.text!r}, not {facts['text']!r}")


def _check_operations(reader: EmbeddedReader, attempts: list[Attempt], verdict: Verdict) -> None:
    """Acknowledged rollbacks are in the log; what an acknowledged erase names is erased."""
    for attempt in attempts:
        for operation in (attempt.done or {}).get("operations", ()):
            verdict.checked["rollbacks"] += 1
            if reader.vault.head(id_bytes(operation)) is None:
                verdict.lost.append(f"the rollback {operation} is not there")
        for cube in (attempt.done or {}).get("cubes", ()):
            verdict.checked["erases"] += 1
            head = reader.vault.head(id_bytes(cube))
            if head is None or head.lifecycle.name != "ERASED":
                verdict.lost.append(f"the erase of {cube} was acknowledged and is not done")


def _check_checkpoints(
    memory: Memory, reader: EmbeddedReader, attempts: list[Attempt], verdict: Verdict
) -> None:
    """The log of every signed checkpoint is a prefix of the log as it is now (RFC 6962)."""
    verifier = NoteVerifier(memory.verifier_key())
    tree, nodes = stored_tree(reader.connection), tree_nodes(reader.connection)
    for note in {a.done["note"] for a in attempts if a.done and "note" in a.done}:
        signed = Checkpoint.parse(open_note(note, [verifier]).text)
        verdict.checked["checkpoints"] += 1
        if signed.size > tree.size:
            verdict.lost.append(f"the log of {tree.size} was signed with {signed.size} records")
            continue
        proof = consistency_proof(nodes, signed.size, tree.size)
        if not verify_consistency(signed.size, signed.root, tree.size, tree.root(), proof):
            verdict.broken.append(f"checkpoint {signed.size} is no prefix of the log")


def _check_batches(memory: Memory, attempts: list[Attempt], verdict: Verdict) -> None:
    """A batch is there wholly or, where nobody was told that it is, not at all."""
    for attempt in attempts:
        if attempt.do != "batch":
            continue
        verdict.checked["batches"] += 1
        size = attempt.facts["size"]
        entries = memory.events(source=attempt.facts["source"], kind="Generated", scope=TENANT)
        found = sum(entry.result == "accepted" for entry in entries)
        if found not in (0, size):
            verdict.half.append(f"{found} of {size} of {attempt.facts['source']} are there")
        if attempt.done is not None and found != size:
            verdict.lost.append(f"{found} of {size} of {attempt.facts['source']} are there")


def _check_keys(memory: Memory, attempts: list[Attempt], verdict: Verdict) -> None:
    """However often a keyed add was tried: one effect, one receipt."""
    told: dict[str, set[str]] = {}
    for attempt in attempts:
        if attempt.do == "keyed":
            receipts = told.setdefault(attempt.facts["key"], set())
            if attempt.done is not None:
                receipts.add(repr(attempt.done))
    for key, receipts in told.items():
        verdict.checked["keys"] += 1
        entries = memory.events(source=f"key:{key}", kind="Generated", scope=TENANT)
        effects = sum(entry.result == "accepted" for entry in entries)
        if len(receipts) > 1:
            verdict.broken.append(f"the key {key} had several receipts: {receipts}")
        if effects > 1 or effects < len(receipts):
            verdict.broken.append(f"the key {key} had {effects} effects, {receipts}")


def _check_counter(memory: Memory, counter: str, attempts: list[Attempt], verdict: Verdict) -> None:
    """Version n + 1 of a counter says n: an increment that was lost would leave a gap."""
    mine = [a for a in attempts if a.do == "count" and a.facts["counter"] == counter]
    accepted = [
        c for c in memory.history(counter) if c.entry.result == Result.ACCEPTED.name.lower()
    ]
    texts = [change.text for change in accepted]
    verdict.checked["increments"] += len(mine)
    if texts != [str(n) for n in range(len(texts))]:
        verdict.broken.append(f"the counter {counter} went {texts}")
    versions = [a.done["version"] for a in mine if a.done is not None]
    if len(versions) != len(set(versions)):
        verdict.broken.append(f"two increments of {counter} were told the same version")


def _check_rebuild(memory: Memory, attempts: list[Attempt], seed: str, verdict: Verdict) -> None:
    """verify is content, and a rebuild gives the same digest and finds the same."""
    found = memory.verify()
    verdict.broken.extend(f"verify: {problem}" for problem in found.problems[:10])
    added = [a.facts["text"] for a in attempts if a.do == "add" and a.done is not None]
    queries = Random(seed).sample(added, min(SEARCHED, len(added)))

    def answers() -> list[list[tuple[str, int, float]]]:
        return [
            [(hit.cube_id, hit.version, hit.score) for hit in memory.search(query, scope=TENANT)]
            for query in queries
        ]

    before, digest = answers(), memory.digest()
    rebuilt = memory.rebuild()
    if rebuilt.digest != digest or memory.digest() != digest:
        verdict.broken.append(f"the rebuild has digest {rebuilt.digest}, not {digest}")
    if answers() != before:
        verdict.broken.append("a search finds something else after a rebuild")
    verdict.checked["searches"] += len(queries)
