"""What a teacher has written for a job, in a file that only opens with the keys of the memories that are learnt."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from memos.activation.sealed_box import read_box, remove_unfinished, sealing_key, write_box
from memos.infrastructure.chat_models.port import ChatPrompt
from memos.infrastructure.writing import writing
from memos.kernel.errors import Damaged

SUFFIX = ".texts"
_FORMAT = {"format": "memos-texts/1"}


class WrittenTexts:
    """The texts of one job: each prompt's is written once, also where the job is cut off and gone on with.

    Attributes:
        is_resumed: whether all of them were there before.

    Args:
        place: a directory, the job's key, which names the file there, and its seal; None for in memory only.
    """

    def __init__(self, place: tuple[Path, bytes, bytes] | None) -> None:
        self.is_resumed = True
        self._path: Path | None = None
        self._sealing = b""
        self._texts: dict[str, str] = {}
        if place is not None:
            directory, key, seal = place
            self._path = directory / f"{key.hex()}{SUFFIX}"
            self._sealing = sealing_key(seal, b"memos/distillation-texts/v1\n" + key)
            with suppress(Damaged):  # there is none, or it is another one's: they are written anew
                self._texts = json.loads(read_box(self._path, self._sealing).plain)

    def find(self, prompt: ChatPrompt) -> str | None:
        """What was written to a prompt."""
        return self._texts.get(_name(prompt))

    def keep(self, written: Mapping[ChatPrompt, str]) -> None:
        """Take in texts.

        Raises:
            VaultError: they cannot be written; DiskFull where there is no room.
        """
        self.is_resumed = False
        self._texts |= {_name(prompt): text for prompt, text in written.items()}
        if self._path is not None:
            with writing(self._path):
                self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            write_box(self._path, _FORMAT, json.dumps(self._texts).encode(), self._sealing)

    def remove(self) -> None:
        """The job is done, or refused."""
        self._texts.clear()
        if self._path is not None:
            self._path.unlink(missing_ok=True)
            remove_unfinished(self._path)


def _name(prompt: ChatPrompt) -> str:
    asked = [prompt.system, *(each.content for each in prompt.messages), str(prompt.max_tokens)]
    return sha256(json.dumps(asked).encode()).hexdigest()
