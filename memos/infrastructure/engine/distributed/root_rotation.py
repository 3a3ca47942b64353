"""Rotating the root key of a distributed vault.

One conditional write changes which root key is the vault's, and keeps the former one wrapped under it:
before that write the vault opens with the old key, and from then on with the new one, whose file is there
already. Keys are wrapped anew behind it, while others read and write.
"""

from __future__ import annotations

from pathlib import Path

from memos.infrastructure.clock import system_time
from memos.infrastructure.engine.distributed.made_settings import seal_settings
from memos.infrastructure.engine.distributed.stores import Stores
from memos.infrastructure.keys.cassandra.held_root import CassandraHeldRoot
from memos.infrastructure.keys.cassandra.renewal import renew_all
from memos.infrastructure.keys.root_files import check_offered, former_file
from memos.infrastructure.keys.root_record import RootRecord
from memos.infrastructure.progress import Progress
from memos.infrastructure.reports import RootRotated
from memos.kernel.errors import VaultError


def rotate_root_key(
    stores: Stores, offered: Path | None, actor: str, progress: Progress
) -> RootRotated:
    """See `engine.port.Maintenance.rotate_root_key`."""
    settings, store, held = stores.settings, stores.cassandra, stores.keys.root
    held.reload()
    found = held.record()
    resumed = found is not None and not found.is_complete
    if found is not None and resumed:
        check_offered(offered, found)
        begun = found
    else:
        begun = _begin(held, found, offered, actor)
    held.promote(begun)
    seal_settings(settings, store, stores.keys)
    renew_all(store, held.key, progress)
    held.keep(begun, begun.completed())
    held.reload()
    path = settings.root_key
    return RootRotated(str(path), str(former_file(path)), resumed)


def _begin(
    held: CassandraHeldRoot, before: RootRecord | None, offered: Path | None, actor: str
) -> RootRecord:
    """Make the next root key the vault's."""
    new = held.prepare(offered)
    begun = held.key.succession(new, system_time(), actor)
    is_ours = before is None or before.fingerprint == held.key.fingerprint
    if not (is_ours and held.keep(before, begun)):
        raise VaultError(
            "another process rotates the root key of this vault at this moment: wait for it, and see with "
            "`memos vault check-key` which one the vault has"
        )
    return begun
