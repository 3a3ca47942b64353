"""What the hooks of a plugin are told: the vault, the scope, and where they keep their own notes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from hashlib import sha256
from pathlib import Path

from memos.infrastructure.cache_directory import cache_directory
from memos.kernel.errors import InvalidInput

STATE_VARIABLE = "MEMOS_HOOKS_STATE"
"""Names where hooks keep their notes: else ~/.cache/memos/hooks."""
SETTINGS = "memos.json"
"""The file of the plugin's folder that has them."""


@dataclass(frozen=True, slots=True)
class HookSettings:
    """The settings of one plugin. `python` is the interpreter that MemOS is installed for; the notes in
    `state` are how far each session is retained, a log, and the socket of a server that answers.
    """

    python: str
    vault: str
    actor: str
    scope: str
    budget_ms: int
    state: str

    @classmethod
    def read(cls, path: Path) -> HookSettings:
        """The settings in a file.

        Raises:
            InvalidInput: it cannot be read, or holds others.
        """
        try:
            given = json.loads(path.read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise InvalidInput(
                f"the settings of the hooks, {path}, cannot be read: {error}"
            ) from None
        wanted = {field.name: int if field.name == "budget_ms" else str for field in fields(cls)}
        if not isinstance(given, dict) or {n: type(v) for n, v in given.items()} != wanted:
            raise InvalidInput(
                f"{path} does not have the settings of hooks ({', '.join(wanted)}): write the plugin "
                "anew with memos hosts install"
            )
        return cls(**given)

    @property
    def socket(self) -> Path:
        """Where a running server answers hooks."""
        return Path(self.state) / "socket"

    def write(self, path: Path) -> None:
        """Write them for hooks to read."""
        path.write_text(json.dumps(asdict(self), indent=2) + "\n", "utf-8")


def state_directory(vault: str, actor: str, scope: str) -> Path:
    """Where the hooks of an agent keep their notes: one place for each agent of a vault."""
    digest = sha256("\n".join((vault, actor, scope)).encode()).hexdigest()[:16]
    return cache_directory(STATE_VARIABLE, "hooks") / digest
