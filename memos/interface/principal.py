"""On whose behalf a host asks that started a process of ours."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memos.interface.memory import Memory

API_KEY_VARIABLE = "MEMOS_API_KEY"
"""Names the key that a host gives to what it starts; on a command line others could read it."""


def principal_in_environment(memory: Memory) -> Callable[[], Memory]:
    """On whose behalf the host asks that started this process: by the API key in its environment, which
    is asked about at each call, or else the actor of the open vault.

    Raises:
        Unauthenticated: the key lets nobody in.
    """
    key = os.environ.get(API_KEY_VARIABLE)
    if key is None:
        return lambda: memory
    memory.as_api_key(key)  # a host is told at once, and not at its first call
    return lambda: memory.as_api_key(key)
