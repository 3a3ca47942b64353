"""Rotating the vault's root key, and seeing whether a file holds it."""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.engine import location
from memos.infrastructure.governance.decision import Action
from memos.infrastructure.progress import Progress
from memos.infrastructure.reports import RootChecked, RootRotated
from memos.operation.session import Session
from memos.operation.validation import check_path


def rotate_root_key(
    session: Session, new_key: str | Path | None, progress: Progress
) -> RootRotated:
    """See `Memory.rotate_root_key`."""
    offered = None if new_key is None else check_path(new_key, "new_key")
    with session.gate.enter("rotate_root_key") as passage:
        passage.require_vault(Action.ADMINISTER)
        passage.require_administrator("")
        actor = session.gate.subject.actor
        return session.engine.maintenance.rotate_root_key(offered, actor, progress)


def check_root_key(path: str | Path, key_file: str | Path) -> RootChecked:
    """Whether a file holds the root key of a vault, whatever lies in the place of that.

    Args:
        path: the vault's directory, or its settings file.
        key_file: the file.

    Raises:
        InvalidInput: there are no such settings, or there is no such file, or it holds no root key.
        VaultError: there is no vault, or it cannot be reached.
    """
    return location.check_root_key(check_path(path), check_path(key_file, "key_file"))
