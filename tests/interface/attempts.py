"""Calls with values that no caller should pass, and what came of them that should not have."""

from __future__ import annotations

from collections.abc import Callable

from memos import Memory, MemosError, Position
from tests.opened import stores_of


class Attempts:
    """Attempts on a vault; `faults` are those that ended in something else than a result or a refusal, or
    that were refused and yet wrote.

    Args:
        memory: the vault.
        refusals: the errors that may come besides those of MemOS.
    """

    def __init__(self, memory: Memory, *refusals: type[Exception]) -> None:
        self._memory = memory
        self._refusals: tuple[type[Exception], ...] = (MemosError, *refusals)
        self.faults: list[str] = []

    def check(self) -> None:
        assert not self.faults, "\n".join(self.faults)

    def run(self, what: str, attempt: Callable[[], object]) -> None:
        before = stores_of(self._memory).log.size
        try:
            attempt()
        except self._refusals:
            written = list(self._memory.events(since=Position(0, before)))
            if any(entry.result != "rejected" for entry in written):
                self.faults.append(f"{what}: an error, and something was written")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is a fault
            self.faults.append(f"{what}: {type(error).__name__}: {str(error)[:80]!r}")
