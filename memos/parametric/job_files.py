"""What a job has on the disk until it is done."""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Self

from memos.parametric.checkpoint import Checkpoints
from memos.parametric.written_texts import WrittenTexts


@dataclass(frozen=True, slots=True)
class JobFiles:
    """How far a job has come: what its teacher wrote, and its training's checkpoint.

    Attributes:
        texts: those that the job's teacher wrote.
        checkpoints: of its training; None where nothing may be written.
    """

    texts: WrittenTexts
    checkpoints: Checkpoints | None

    @classmethod
    def of(cls, directory: Path | None, key: bytes, seal: bytes, seconds: float) -> Self:
        """Those of a job.

        Args:
            directory: where they are; None for nowhere.
            key: the job's (32 bytes).
            seal: the job's; empty where nothing may be written.
            seconds: between two checkpoints, at least.
        """
        if directory is None or not seal:
            return cls(WrittenTexts(None), None)
        # Under the seal: the name of a file confirms to nobody what a job was about.
        name = hmac.digest(seal, key, sha256)
        return cls(
            WrittenTexts((directory, name, seal)), Checkpoints(directory, name, seal, seconds)
        )

    def remove(self) -> None:
        """The job is done, or refused."""
        self.texts.remove()
        if self.checkpoints is not None:
            self.checkpoints.remove()
