"""Migrates a vault in small batches, or loads an export, and kills itself when so many records are
moved.
"""

from __future__ import annotations

import os
import signal
import sys

from memos import Memory
from memos.infrastructure.transfer.migrate import migration
from memos.interface.vaults import migrate

source, target, actor, until = sys.argv[1:]
migration.BATCH = 10  # type: ignore[attr-defined] # small batches: a kill falls between two


def progress(done: int, total: int) -> None:
    if done >= int(until):
        os.kill(os.getpid(), signal.SIGKILL)


if source.endswith(".memos"):
    Memory.load(source, target, actor=actor, passphrase="correct horse", progress=progress)
else:
    migrate(source, target, actor=actor, progress=progress)
