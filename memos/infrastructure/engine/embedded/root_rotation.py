"""Rotating the root key of an embedded vault.

The key file is wrapped anew in one transaction: before it the vault opens with the old root key, and from
then on with the new one, whose file is there already. What follows can be done again.
"""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.engine.embedded.stores import EmbeddedStores
from memos.infrastructure.keys.root_files import check_offered, former_file
from memos.infrastructure.keys.sqlite.key_file import ROOT_FILE
from memos.infrastructure.keys.sqlite.key_mark import seal_settings
from memos.infrastructure.reports import RootRotated
from memos.infrastructure.sqlite.database import ROTATED_FORMAT


def rotate_root_key(stores: EmbeddedStores, offered: Path | None, actor: str) -> RootRotated:
    """See `engine.port.Maintenance.rotate_root_key`."""
    keys, database = stores.keys, stores.database
    begun = keys.rotation.record()
    resumed = begun is not None and not begun.is_complete
    if begun is not None and resumed:
        check_offered(offered, begun)
    new = None if resumed else keys.rotation.prepare(offered)

    def rotate() -> None:
        database.writer.execute(f"PRAGMA user_version = {ROTATED_FORMAT}")
        if new is not None:
            keys.rotation.rotate(new, actor)
        seal_settings(database.writer, keys)

    database.transact(rotate)
    keys.rotation.promote()
    keys.rotation.complete()
    path = stores.directory / ROOT_FILE
    return RootRotated(str(path), str(former_file(path)), resumed)
