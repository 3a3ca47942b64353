"""The files of an adapter as peft saves one."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from memos.infrastructure.writing import writing

CONFIGURATION, WEIGHTS = "adapter_config.json", "adapter_model.safetensors"


class AdapterFiles(NamedTuple):
    """The content of the two files that peft saves."""

    configuration: str
    weights: bytes

    def save(self, directory: Path) -> None:
        """Write them.

        Raises:
            VaultError: they cannot be written.
        """
        with writing(directory):
            directory.mkdir(parents=True, exist_ok=True)
            (directory / CONFIGURATION).write_text(self.configuration)
            (directory / WEIGHTS).write_bytes(self.weights)
