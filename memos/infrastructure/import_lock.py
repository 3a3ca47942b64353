"""The interpreter's import lock, where an interrupt left it with a thread that is done with it."""

from __future__ import annotations

import _imp


def give_back_import_lock() -> None:
    """Give back the import lock that an interrupted import of this thread still holds.

    A signal that comes just behind `_imp.acquire_lock()` in `importlib._bootstrap._get_module_lock`
    leaves it taken for good, and whatever thread imports anything afterwards waits for ever: one that
    writes would keep the vault's lock. No import of this thread may be going on.
    """
    while _imp.lock_held():
        try:
            _imp.release_lock()
        except RuntimeError:
            return  # another thread's, who goes on
