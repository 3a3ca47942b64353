"""The demo's steps: what MemOS promises, each shown by the lines of code that do it.

Every step below runs as it stands; what is printed as its code is its own source.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from memos import (
    Change,
    Conflict,
    Diff,
    ErasureReceipt,
    Forgotten,
    Hit,
    ImportReport,
    Lineage,
    MemCube,
    Memory,
    Proof,
    Rebuilt,
    Receipt,
    Rollback,
    Verification,
)
from memos.interface.demo.conversation import turns
from memos.interface.demo.report import StepReport, code_of, summary
from memos.interface.serialise import json_line

VAULT = "demo.vault"
SCOPE = "harbour/mira/evenings"
MYTH = "web:nut-myths.example"
WORD = "surgery"


@dataclass
class Seen:
    """What earlier steps hand on to later ones."""

    conversation: Path
    allergy: str = ""
    claim: str = ""
    summary: str = ""
    event: str = ""
    secret: str = ""


def write_conversation(path: Path) -> Path:
    """The conversation as a file of JSON lines, each with `add`'s arguments."""
    lines = [
        {
            "text": turn.text,
            "source": f"conversation:evenings/{turn.id}",
            "subject": turn.speaker.lower(),
            "valid_from": turn.time,
            "metadata": {"speaker": turn.speaker, "turn": turn.id},
        }
        for turn in turns()
    ]
    path.write_text("".join(f"{json_line(line)}\n" for line in lines), "utf-8")
    return path


def remember(memory: Memory, seen: Seen) -> ImportReport:
    """Import the conversation: one durable batch, readable at once."""
    return memory.import_file(seen.conversation, scope=SCOPE)


def ask(memory: Memory, seen: Seen) -> list[Hit]:
    """Search it."""
    return memory.search("What is Mira allergic to?", scope=SCOPE, k=2)


def name_cut(memory: Memory, seen: Seen) -> Receipt:
    """Name this moment, to come back to it later."""
    return memory.name_cut("before-corrections")


def correct(memory: Memory, seen: Seen) -> Receipt:
    """Correct a fact: a new version, and the old one stays."""
    return memory.update(
        seen.allergy, "I am allergic to cashews, not to peanuts.", expected_version=1
    )


def race(memory: Memory, seen: Seen) -> str:
    """Another agent read version 1 too. Its update is refused, and nothing is lost."""
    return refusal(memory.update, seen.allergy, "No allergies.", expected_version=1)


def look_back(memory: Memory, seen: Seen) -> list[Change]:
    """The history of that memory, the refused attempt included."""
    return memory.history(seen.allergy)


def compare(memory: Memory, seen: Seen) -> Diff:
    """The difference of its two versions."""
    return memory.diff(seen.allergy, 1, 2)


def poison(memory: Memory, seen: Seen) -> Receipt:
    """A second agent reads a bad web page and remembers it ..."""
    with Memory(memory.path, actor="agent:reader") as reader:
        return reader.add(
            "Cashews are harmless in any allergy.", scope=SCOPE, source=f"{MYTH}/page/7"
        )


def spread(memory: Memory, seen: Seen) -> Receipt:
    """... and a summary believes it: the merge absorbs the memory of the allergy."""
    return memory.merge([seen.allergy, seen.claim], text="Cashews are fine for Mira.")


def trace(memory: Memory, seen: Seen) -> Lineage:
    """Lineage says what the summary was made of."""
    return memory.lineage(seen.summary, direction="upstream")


def plan(memory: Memory, seen: Seen) -> Rollback:
    """Undo the source. First the plan: every memory that its content reached."""
    return memory.rollback(source=MYTH, dry_run=True)


def undo(memory: Memory, seen: Seen) -> Rollback:
    """Then the rollback itself: new events, nothing is removed from the log."""
    return memory.rollback(source=MYTH)


def ask_again(memory: Memory, seen: Seen) -> list[Hit]:
    """The true memory is back."""
    return memory.search("Mira allergic cashews", scope=SCOPE, k=2)


def ask_then(memory: Memory, seen: Seen) -> list[Hit]:
    """And what was known before the correction can still be asked."""
    return memory.search("Mira allergic", scope=SCOPE, k=1, as_of="before-corrections")


def verify(memory: Memory, seen: Seen) -> Verification:
    """Check every record against its hash, the Merkle tree and the signatures."""
    return memory.verify()


def prove(memory: Memory, seen: Seen) -> Proof:
    """Prove to somebody who has only the public key that the correction is in the log."""
    return memory.prove(seen.event)


def erase(memory: Memory, seen: Seen) -> ErasureReceipt:
    """Tomas asks to be forgotten. His key is destroyed; a signed receipt lists what went."""
    return memory.erase(subject="tomas")


def look_for_traces(memory: Memory, seen: Seen) -> tuple[MemCube | Forgotten, list[str]]:
    """He spoke of his surgery. It reads as forgotten, as of then too; no file of the vault has the word."""
    then = memory.get(seen.secret, as_of="before-corrections")
    return then, files_with(memory.path, WORD)


def rebuild(memory: Memory, seen: Seen) -> tuple[str, Rebuilt]:
    """Throw away all but the log, fold it again, and compare the digests."""
    return memory.digest(), memory.rebuild()


def verify_again(memory: Memory, seen: Seen) -> Verification:
    """After all of it, the log still proves itself."""
    return memory.verify()


def refusal(write: Callable[..., Receipt], *args: object, **options: object) -> str:
    """How a write is refused."""
    try:
        receipt = write(*args, **options)
    except Conflict as conflict:
        return f"Conflict: {conflict}"
    return f"it was not refused: {receipt}"


def files_with(directory: Path, word: str) -> list[str]:
    """The files under a directory whose bytes hold a word, in either case."""
    needle = word.encode().lower()
    return [
        str(file.relative_to(directory))
        for file in sorted(directory.rglob("*"))
        if file.is_file() and needle in file.read_bytes().lower()
    ]


STEPS: tuple[Callable[[Memory, Seen], object], ...] = (
    remember,
    ask,
    name_cut,
    correct,
    race,
    look_back,
    compare,
    poison,
    spread,
    trace,
    plan,
    undo,
    ask_again,
    ask_then,
    verify,
    prove,
    erase,
    look_for_traces,
    rebuild,
    verify_again,
)


def play(directory: Path) -> Iterator[StepReport]:
    """Do every step in a new vault in a directory; yields the report of each once it is done."""
    seen = Seen(write_conversation(directory / "conversation.jsonl"))
    with closing(Memory(directory / VAULT, actor="agent:host")) as memory:
        for step in STEPS:
            result = step(memory, seen)
            _hand_on(step, result, seen)
            yield StepReport(str(step.__doc__), code_of(step), tuple(summary(memory, result)))


def _hand_on(step: Callable[[Memory, Seen], object], result: object, seen: Seen) -> None:
    match result:
        case list() if step is ask:
            seen.allergy = result[0].cube_id
        case ImportReport():
            spoken = zip(turns(), result.cube_ids, strict=True)
            seen.secret = next(cube_id for turn, cube_id in spoken if WORD in turn.text)
        case Receipt() if step is correct:
            seen.event = result.event_id
        case Receipt() if step is poison:
            seen.claim = result.cube_id
        case Receipt() if step is spread:
            seen.summary = result.cube_id
        case _:
            pass
