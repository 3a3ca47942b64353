"""The vault behind an adapter: one that the caller has open, or one at a path."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from memos.interface.memory import Memory
from memos.kernel.errors import (
    Held,
    IllegalMove,
    InvalidInput,
    NotFound,
    PartlyDone,
    shorten,
)

_TRIES = 8
_OPTIONS = inspect.signature(Memory).parameters.keys() - {"path"}
_logger = logging.getLogger("memos.compat")


class AdaptedVault(NamedTuple):
    """A vault that an adapter works on. `own` says that the adapter opened it, and so closes it."""

    memory: Memory
    own: bool

    def close(self) -> None:
        """Close the vault where the adapter opened it."""
        if self.own:
            self.memory.close()


def adapted_vault(vault: str | Path | Memory, options: dict[str, Any]) -> AdaptedVault:
    """A vault that is open, or the one at a path, opened with the options of `Memory`.

    Raises:
        InvalidInput: one is no option of `Memory`, or options are given for a vault that is open.
        VaultError: it cannot be opened.
    """
    check_options(options)
    if not isinstance(vault, Memory):
        return AdaptedVault(Memory(vault, **options), own=True)
    if options:
        raise InvalidInput(
            f"the vault is open, and takes no {', '.join(sorted(options))} any more: pass its path, "
            "or open it so"
        )
    return AdaptedVault(vault, own=False)


def open_vault(vault: object) -> Memory:
    """A vault that is open.

    Raises:
        InvalidInput: it is none.
    """
    if not isinstance(vault, Memory):
        raise InvalidInput(f"memory must be an open memos.Memory, not {shorten(vault)}")
    return vault


def check_options(options: Mapping[str, Any]) -> None:
    """Refuse what is no option of `Memory`."""
    unknown = [name for name in options if name not in _OPTIONS]
    if unknown:
        raise InvalidInput(
            f"{', '.join(map(shorten, unknown))} is no option of memos.Memory, which has "
            f"{', '.join(sorted(_OPTIONS))}"
        )


def tell_damaged(damaged: Mapping[str, str]) -> None:
    """Log which memories a list came to and could not read: the libraries' answers have no place for it."""
    for cube_id, reason in damaged.items():
        _logger.warning("memory %s cannot be read, and is left out: %s", cube_id, reason)


def archive_all(memory: Memory, cube_ids: list[str]) -> None:
    """Archive memories, in one batch; those that somebody else archived meanwhile are left.

    Raises:
        Held: one is frozen or held.
        Denied: one may not be changed.
    """
    if not cube_ids:
        return
    try:
        memory.archive_many(cube_ids)
    except Held:
        raise
    except (IllegalMove, NotFound, PartlyDone):
        for cube_id in cube_ids:
            archived(memory, cube_id)


def archive_scope(memory: Memory, scope: str, filter: Mapping[str, Any] | None = None) -> None:  # noqa: A002 - the field's word
    """Archive all in and under a scope that a filter fits, in one batch; harmless where there is nothing.

    Raises:
        Held: one is frozen or held; nothing was archived.
        Denied: one may not be changed.
        PartlyDone: on servers, where others archive there all the time.
    """
    for tries in range(1, _TRIES + 1):
        try:
            memory.archive_many(scope=scope, filter=filter)
        except NotFound:
            return
        except Held:
            raise
        except (IllegalMove, PartlyDone):  # others archived some of it meanwhile
            if tries == _TRIES:
                raise
        else:
            return


def archived(memory: Memory, cube_id: str) -> bool:
    """Archive a memory; False where it is out of sight already.

    Raises:
        Held: it is frozen or held.
        Denied: it may not be changed.
    """
    try:
        memory.archive(cube_id)
    except Held:
        raise
    except (IllegalMove, NotFound):
        return False
    return True
