"""A worker that kills itself between two steps of a batch: `python -m streams`, but for that.

MEMOS_KILL_STEP names the step, MEMOS_KILL_CALL the how many-th time it is come to.
"""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from typing import Any

from memos.infrastructure.engine.distributed.tree_rows import TreeRows
from memos.infrastructure.engine.distributed.workers import seal as sealing
from memos.infrastructure.governance.usage.cassandra import UsageRows
from memos.infrastructure.index.cassandra.rows import SpanTable
from memos.infrastructure.log.kafka.log import KafkaLog
from memos.infrastructure.vault.cassandra.writer import CassandraVaultWriter
from streams.__main__ import main

STEP, CALL = "MEMOS_KILL_STEP", "MEMOS_KILL_CALL"


class Trap:
    """Kills this process when it is sprung for the n-th time."""

    def __init__(self, calls: int) -> None:
        self._left = calls

    def spring(self) -> None:
        self._left -= 1
        if self._left <= 0:
            os.kill(os.getpid(), signal.SIGKILL)


def before(owner: type, name: str, trap: Trap, *, only: str = "") -> None:
    """Spring a trap before each call of a method (of the projection `only`)."""
    method: Callable[..., Any] = getattr(owner, name)

    def wrapped(self: Any, *given: Any) -> Any:
        if not only or given[0] == only:
            trap.spring()
        return method(self, *given)

    setattr(owner, name, wrapped)


def after(owner: type, name: str, trap: Trap, *, only: str = "") -> None:
    """Spring a trap after each call of a method (of the projection `only`)."""
    method: Callable[..., Any] = getattr(owner, name)

    def wrapped(self: Any, *given: Any) -> Any:
        result = method(self, *given)
        if not only or given[0] == only:
            trap.spring()
        return result

    setattr(owner, name, wrapped)


def halfway(owner: type, name: str, trap: Trap) -> None:
    """Spring a trap when half of what a method is given, its last argument, is written."""
    method: Callable[..., Any] = getattr(owner, name)

    def wrapped(self: Any, *given: Any) -> Any:
        *others, batch = given
        if len(batch) > 1:
            method(self, *others, batch[: len(batch) // 2])
            trap.spring()
        return method(self, *given)

    setattr(owner, name, wrapped)


STEPS: dict[str, Callable[[Trap], None]] = {
    "before the records": lambda trap: before(CassandraVaultWriter, "write_records", trap),
    "amid the records": lambda trap: halfway(CassandraVaultWriter, "write_records", trap),
    "after the records": lambda trap: after(CassandraVaultWriter, "write_records", trap),
    "after the consequences": lambda trap: after(KafkaLog, "append", trap),
    "after the heads": lambda trap: after(CassandraVaultWriter, "write_heads", trap),
    "after the checkpoint": lambda trap: after(
        CassandraVaultWriter, "write_checkpoint", trap, only="fold"
    ),
    "before the spans": lambda trap: before(SpanTable, "write", trap),
    "after the spans": lambda trap: after(SpanTable, "write", trap),
    "after the index's checkpoint": lambda trap: after(
        CassandraVaultWriter, "write_checkpoint", trap, only="index"
    ),
    "amid the uses": lambda trap: halfway(UsageRows, "fold", trap),
    "after the uses": lambda trap: after(UsageRows, "fold", trap),
    "after the tiles": lambda trap: after(TreeRows, "write_tiles", trap),
    "after the frontier": lambda trap: after(TreeRows, "write_frontier", trap),
    "after the seal's checkpoint": lambda trap: after(
        CassandraVaultWriter, "write_checkpoint", trap, only="seal"
    ),
    "after the note": lambda trap: after(KafkaLog, "append", trap),
}

if __name__ == "__main__":
    sealing.SIGN_SECONDS = 0.0  # every batch is signed
    STEPS[os.environ[STEP]](Trap(int(os.environ.get(CALL, "1"))))
    sys.exit(main())
