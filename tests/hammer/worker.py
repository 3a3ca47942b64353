"""One worker process: a vault, opened once, shared by threads that work until they are killed."""

from __future__ import annotations

import os
import threading
import traceback
from pathlib import Path
from typing import Any

from memos import Memory
from tests.hammer.journal import Journal, read_journal
from tests.hammer.operations import Hand


def run_worker(
    vault: Path, journals: Path, slot: int, life: str, threads: int, shared: dict[str, list[str]]
) -> None:
    """Open the vault and work; ends with status 3 where a thread met a fault."""
    actor = f"agent:{slot}"
    memory = Memory(vault, actor=actor)
    pending = _unfinished(journals, slot)
    hands = [
        Hand(
            memory,
            actor,
            Journal(journals / f"{slot}-{life}-{number}.jsonl"),
            f"w{slot}-{life}-t{number}",
            shared,
            pending if number == 0 else [],
        )
        for number in range(threads)
    ]
    for hand in hands[1:]:
        threading.Thread(target=_work, args=(hand,), daemon=True).start()
    _work(hands[0])


def _work(hand: Hand) -> None:
    try:
        hand.work()
    except BaseException:  # noqa: BLE001 - noted for the judge, and the whole process ends
        hand.journal.fault(traceback.format_exc())
        os._exit(3)


def _unfinished(journals: Path, slot: int) -> list[dict[str, Any]]:
    """The keyed adds that this worker's former lives were killed in: they are retried."""
    found: dict[str, dict[str, Any]] = {}
    for path in sorted(journals.glob(f"{slot}-*.jsonl")):
        for attempt in read_journal(path)[-3:]:
            if attempt.do == "keyed" and attempt.done is None:
                found[attempt.facts["key"]] = attempt.facts
    return list(found.values())
