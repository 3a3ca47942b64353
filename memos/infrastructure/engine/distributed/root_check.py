"""Whether a file holds the root key of a distributed vault, whatever lies in the place of that."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed.made_settings import is_sealed_as_made, read_setting
from memos.infrastructure.engine.distributed.settings import DistributedSettings
from memos.infrastructure.keys.cassandra.held_root import read_root_record
from memos.infrastructure.keys.cassandra.unopened_keys import opens_tenants
from memos.infrastructure.keys.root_files import checked_by, nothing_to_check_by, offered_root
from memos.infrastructure.keys.settings_seal import SEAL
from memos.infrastructure.reports import RootChecked
from memos.infrastructure.vault.cassandra import schema
from memos.kernel.errors import VaultError


def check_root_key(settings: DistributedSettings, path: Path) -> RootChecked:
    """Whether a file holds the vault's root key.

    Raises:
        InvalidInput: there is no such file, or it holds no root key.
        VaultError: there is no vault, a server does not answer, or nothing there tells one root key from
            another.
    """
    root = offered_root(path)
    with closing(CassandraSession(settings.cassandra)) as store:
        if not schema.exists(store):
            raise VaultError(
                f"there is no vault in the keyspace {settings.cassandra.keyspace} of "
                f"{settings.cassandra.server}: name the settings of one"
            )
        schema.check_version(store)
        record = read_root_record(store)
        if record is not None:
            return checked_by(record, path, root.fingerprint)
        fits = opens_tenants(store, root)
        if fits is None:
            if not read_setting(settings, store, SEAL):
                raise nothing_to_check_by(str(settings.path))
            fits = is_sealed_as_made(settings, store, root)
        return RootChecked(str(path), fits)
