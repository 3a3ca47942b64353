"""What became of distillation jobs: one that was done is not done again."""

from __future__ import annotations

import json
from collections import OrderedDict
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from threading import Lock
from typing import Any

from memos.activation.sealed_box import sealing_key
from memos.activation.sealed_files import SealedFiles
from memos.infrastructure.chat_models.adapting import DistilledAdapter, Evaluation
from memos.kernel.errors import Damaged, VaultError
from memos.kernel.keyed_digest import keyed_digest

FORMAT = "memos-distillation/1"
MOST_BYTES = 2**24
MOST_IN_MEMORY = 1000
_DIGESTS = ("sha256", "model_digest", "tokenizer_digest")


class FinishedJobs:
    """Keeps it in memory, and in files that open with the jobs' seals only. Safe for threads.

    Args:
        directory: for the files; None for in memory only.
    """

    def __init__(self, directory: Path | None) -> None:
        self._files = None if directory is None else SealedFiles(directory, MOST_BYTES)
        self._told: OrderedDict[str, DistilledAdapter] = OrderedDict()
        self._lock = Lock()

    def find(self, key: bytes, seal: bytes) -> DistilledAdapter | None:
        """What a job with this key and seal came to, where it is known."""
        name, sealing = _place(key, seal)
        with self._lock:
            if name in self._told:
                return self._told[name]
        if self._files is None or not seal:
            return None
        try:
            box = self._files.read(name, sealing)
            return None if box is None else _distilled(box.plain)
        except (Damaged, LookupError, TypeError, ValueError):
            return None  # changed, or of another release: it is done again

    def keep(self, key: bytes, seal: bytes, made: DistilledAdapter) -> None:
        """Take in what a job came to; on a disk only under a seal, and where it can be written."""
        name, sealing = _place(key, seal)
        with self._lock:
            self._told[name] = made
            if len(self._told) > MOST_IN_MEMORY:
                self._told.popitem(last=False)
        if self._files is not None and seal:
            with suppress(VaultError):  # it would only be done again
                self._files.write(name, {"format": FORMAT}, _plain(made), sealing)


def _place(key: bytes, seal: bytes) -> tuple[str, bytes]:
    """The name of a job's file, which tells nothing of the job, and what seals it."""
    sealing = sealing_key(seal, b"memos/distillation-result/v1\n" + key)
    return keyed_digest(sealing, b"job", key).hex(), sealing


def _plain(made: DistilledAdapter) -> bytes:
    return json.dumps(asdict(made), default=bytes.hex).encode()


def _distilled(plain: bytes) -> DistilledAdapter:
    told: dict[str, Any] = json.loads(plain)
    measured = told.pop("evaluation")
    evaluation = Evaluation(**{**measured, "refusals": tuple(measured["refusals"])})
    digests = {name: bytes.fromhex(told[name]) for name in _DIGESTS}
    return DistilledAdapter(**{**told, **digests}, evaluation=evaluation)
