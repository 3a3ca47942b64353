"""Erases a subject and kills itself at a step of it, before its receipt is kept."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

from memos import Memory
from memos.infrastructure.engine.distributed.erasure import DistributedErasure
from memos.infrastructure.governance.usage.cassandra import UsageRows
from memos.infrastructure.index.milvus.removal import VectorCopies

path, actor, subject, step = sys.argv[1:]


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


owners = {"forget": UsageRows, "vectors": VectorCopies}
setattr(owners.get(step, DistributedErasure), "purge" if step == "vectors" else step, die)
Memory(path, actor=actor).erase(subject=subject)
