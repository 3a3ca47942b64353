"""A load generator: adds, changes and merges memories, each under a key, until it has done so many.

    python -m tests.kill.load --config memos.toml --tenant t --journal FILE --items 40

The journal has a line for each thing that was acknowledged, and for each error that a caller saw;
what was not acknowledged is done again under its key.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TextIO, TypeVar

from memos import Memory, Receipt, VaultError

ACTOR = "agent:alice"
MIXED_EVERY = 8
BURST = 12
GIVE_UP_SECONDS = 240.0

T = TypeVar("T")


class Load:
    """One run; the same keys give the same memories, so it may be run again."""

    def __init__(self, memory: Memory, tenant: str, journal: TextIO) -> None:
        self._memory = memory
        self._tenant = tenant
        self._journal = journal

    def run(self, items: int) -> None:
        for number in range(items):
            made = self._add(f"item{number} of the load", number)
            if number % MIXED_EVERY == 0:
                self._burst(number)
                self._merge(number)
                text = f"item{number} of the load, changed"
                key = f"update {number}"
                change = self._memory.update
                self._done(text, partial(change, made.cube_id, text, idempotency_key=key))

    def _scope(self, number: int) -> str:
        return f"{self._tenant}/{number % 7}"

    def _add(self, text: str, number: int) -> Receipt:
        return self._done(
            text,
            partial(self._memory.add, text, scope=self._scope(number), idempotency_key=text),
        )

    def _burst(self, number: int) -> None:
        """Several at once, so that workers get more than one record of a partition at a time."""
        texts = [f"item{number} of the load, part {n}" for n in range(BURST)]
        items = [{"text": text, "scope": self._scope(number)} for text in texts]
        receipts = self._repeated(
            partial(self._memory.add_many, items, idempotency_key=f"burst {number}")
        )
        for receipt, text in zip(receipts, texts, strict=True):
            self._acknowledge(receipt, text)

    def _merge(self, number: int) -> None:
        """Two that are absorbed by a third: what follows from it is appended by the fold."""
        pair = [self._add(f"absorbed{n} by {number}", number).cube_id for n in range(2)]
        text = f"merged{number} from two"
        key = f"merge {number}"
        self._done(text, partial(self._memory.merge, pair, text, idempotency_key=key))
        for cube_id in pair:
            self._note(absorbed=cube_id)

    def _done(self, text: str, call: Callable[[], Receipt]) -> Receipt:
        receipt = self._repeated(call)
        self._acknowledge(receipt, text)
        return receipt

    def _repeated(self, call: Callable[[], T]) -> T:
        """Call until it is acknowledged; each error that the caller saw is noted."""
        end = time.monotonic() + GIVE_UP_SECONDS
        while True:
            try:
                return call()
            except VaultError as error:
                self._note(error=type(error).__name__, message=str(error))
                if time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def _acknowledge(self, receipt: Receipt, text: str) -> None:
        self._note(cube_id=receipt.cube_id, text=text, event_id=receipt.event_id)

    def _note(self, **told: Any) -> None:
        self._journal.write(json.dumps(told) + "\n")
        self._journal.flush()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--config", type=Path, required=True)
    parser.add_argument("--tenant", required=True)
    parser.add_argument("--journal", type=Path, required=True)
    parser.add_argument("--items", type=int, required=True)
    given = parser.parse_args()
    with Memory(given.config, actor=ACTOR) as memory, given.journal.open("a") as journal:
        Load(memory, given.tenant, journal).run(given.items)
    return 0


if __name__ == "__main__":
    sys.exit(main())
