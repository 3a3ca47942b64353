"""How far training has come, in a file that only opens with the keys of the memories that are learnt."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor

from memos.activation.sealed_box import UNFINISHED, remove_unfinished, take_place
from memos.infrastructure.keys.envelope import KEY_BYTES, decrypt, encrypt
from memos.infrastructure.writing import writing
from memos.kernel.errors import Damaged

SUFFIX = ".checkpoint"


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """The one checkpoint of a job: a file that is written over.

    Attributes:
        directory: where it is.
        key: the job's, which names it (32 bytes).
        seal: the job's, without which it does not open.
        seconds: between two of them, at least.
    """

    directory: Path
    key: bytes
    seal: bytes
    seconds: float

    @property
    def path(self) -> Path:
        """The file's."""
        return self.directory / f"{self.key.hex()}{SUFFIX}"

    def write(self, tensors: Mapping[str, Tensor]) -> None:
        """Write it for its owner only, whole or not at all.

        Raises:
            VaultError: it cannot be written; DiskFull where there is no room.
        """
        box = encrypt(self._sealing(), save(dict(tensors)), self.key)
        unfinished = self.directory / f".{self.path.name}.{secrets.token_hex(8)}{UNFINISHED}"
        with writing(self.path):
            self.directory.mkdir(parents=True, exist_ok=True)
            try:
                handle = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
                with os.fdopen(handle, "wb") as file:
                    file.write(box)
                    file.flush()
                    os.fsync(file.fileno())
                take_place(unfinished, self.path)
            finally:
                unfinished.unlink(missing_ok=True)

    def read(self) -> dict[str, Tensor] | None:
        """What was written last; None where there is nothing that opens: training begins anew then."""
        try:
            box = self.path.read_bytes()
            return load(decrypt(self._sealing(), box, self.key))
        except (OSError, Damaged, SafetensorError):
            return None

    def remove(self) -> None:
        """The job is done, or refused. With what was never finished, as a process was killed."""
        self.path.unlink(missing_ok=True)
        remove_unfinished(self.path)

    def _sealing(self) -> bytes:
        info = b"memos/distillation/v1\n" + self.key
        return HKDF(SHA256(), KEY_BYTES, salt=None, info=info).derive(self.seal)
