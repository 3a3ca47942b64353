"""The seal on a vault's settings, which are under no log: who changed one is found out."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

SEAL = "seal"
"""The setting that seals the others. An earlier release made vaults without."""

KEY_FILE = "key_file"
"""The setting that moves on with the key file."""

TAKEN_ERASES = "taken_erases"
"""The setting that moves on with the list of erases."""

QUERY_KEYS = "query_keys"
"""The setting that moves on with the days whose queries' keys are gone: the first that may have any."""

UNSEALED = frozenset({SEAL, KEY_FILE, TAKEN_ERASES, QUERY_KEYS, "query_texts"})
"""Settings that a vault in use changes."""


class Sealer(Protocol):
    """Who has the root key."""

    def seal_of(self, data: bytes) -> bytes: ...

    def has_sealed(self, data: bytes, seal: str) -> bool: ...


def sealed(sealer: Sealer, settings: Mapping[str, str]) -> str:
    """The seal of settings; it does not cover itself."""
    return sealer.seal_of(_covered(settings)).hex()


def is_sealed(sealer: Sealer, settings: Mapping[str, str], seal: str) -> bool:
    """Whether a seal is that of settings."""
    return sealer.has_sealed(_covered(settings), seal)


def _covered(settings: Mapping[str, str]) -> bytes:
    covered = {str(name): text for name, text in settings.items() if name not in UNSEALED}
    # A damaged row may hold what is no text: then the seal is another, as of any other change.
    return json.dumps(covered, sort_keys=True, default=repr).encode()
