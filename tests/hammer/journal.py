"""What a worker writes down before it tries something, and after it was told that it is done."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from memos import Busy, Conflict, Held, IllegalMove, NotFound, OtherContent

REFUSALS = (Busy, Conflict, Held, IllegalMove, NotFound, OtherContent)
"""What the work itself may run into; anything else is a fault."""


class Fault(AssertionError):
    """A promise was broken in front of the worker's eyes."""


class Attempt(NamedTuple):
    """One line before, and what came of it: `done` is None where the worker did not live on."""

    do: str
    facts: dict[str, Any]
    done: dict[str, Any] | None
    refused: str
    fault: str


class Journal:
    """One thread's notes, synced line by line: they survive SIGKILL and the machine's fall."""

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._number = 0

    @contextmanager
    def attempt(self, do: str, **facts: Any) -> Iterator[Callable[..., None]]:
        """Note an attempt; the caller passes what was acknowledged to what this gives."""
        self._number += 1
        number = self._number
        told: dict[str, Any] = {}
        self._write({"n": number, "do": do, "facts": facts})
        try:
            yield told.update
        except REFUSALS as error:
            self._write({"n": number, "refused": type(error).__name__})
        else:
            self._write({"n": number, "done": told})

    def fault(self, told: str) -> None:
        """Note what no worker should see; its last attempt is left undone."""
        self._number += 1
        self._write({"n": self._number, "do": "fault", "facts": {}, "fault": told})

    def _write(self, line: dict[str, Any]) -> None:
        os.write(self._file, json.dumps(line).encode() + b"\n")
        os.fsync(self._file)


def read_journal(path: Path) -> list[Attempt]:
    """The attempts of a journal; a last line that was cut off was never acknowledged to anyone."""
    found: dict[int, dict[str, Any]] = {}
    for line in path.read_bytes().split(b"\n")[:-1]:
        noted = json.loads(line)
        found.setdefault(noted["n"], {}).update(noted)
    return [
        Attempt(
            noted["do"],
            noted["facts"],
            noted.get("done"),
            noted.get("refused", ""),
            noted.get("fault", ""),
        )
        for noted in found.values()
    ]
