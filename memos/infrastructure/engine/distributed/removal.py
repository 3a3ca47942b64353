"""Removing a distributed vault: its topics, keyspaces and collections, and nothing of another vault on
the same servers.
"""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import replace

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed.binding import bound_topics
from memos.infrastructure.engine.distributed.made_settings import (
    COLLECTIONS,
    TOPICS,
    VAULT_ID,
    read_setting,
)
from memos.infrastructure.engine.distributed.settings import DistributedSettings, with_collections
from memos.infrastructure.engine.distributed.topic_mark import marked_for, origin_of_vault
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.removal import collections_of, drop_collections
from memos.infrastructure.log.kafka.groups import running_workers
from memos.infrastructure.log.kafka.topics import remove_topics, topic_ids
from memos.infrastructure.vault.cassandra import schema
from memos.kernel.errors import Refused, StoreUnavailable, VaultError


class DistributedRemoval:
    """See `engine.removal.VaultRemoval`. It needs no root key, and no topic or table but the base
    keyspace, which says what is the vault's.

    Raises:
        VaultError: there is no vault, or one that an earlier release left unbound.
        LogLost: the settings name other topics than the vault's.
    """

    def __init__(self, settings: DistributedSettings) -> None:
        self._store = CassandraSession(settings.cassandra)
        try:
            self._look(settings)
        except BaseException:
            self._store.close()
            raise

    def _look(self, settings: DistributedSettings) -> None:
        store, base = self._store, settings.cassandra.keyspace
        if not schema.exists(store):
            raise VaultError(f"there is no vault in the keyspace {base} of {settings.path}")
        bound = bound_topics(settings, store)
        if not bound:
            raise VaultError(
                f"the vault in the keyspace {base} does not say which topics are its own: run `memos "
                "vault create`, which notes that, and then remove it"
            )
        self._settings = with_collections(settings, read_setting(settings, store, COLLECTIONS))
        self._has_collections = self._settings is not settings
        self.administrator = read_setting(settings, store, "administrator")
        found = topic_ids(settings.kafka)
        owner = self._other_owner(bound, found)
        self._topics = [
            n for n, own in bound.items() if not owner and n in found and found[n] in ("", own)
        ]
        why = (
            f"it is of another vault, {owner}"
            if owner
            else "it was made anew, and is not the vault's"
        )
        self._others = [f"topic {name}: {why}" for name in sorted(found.keys() - {*self._topics})]

    def _other_owner(self, bound: dict[str, str], found: dict[str, str]) -> str:
        """Another vault that has the topics, too, as an earlier release let one have them that had none of
        its own; empty where there is none.
        """
        store, kafka = self._store, self._settings.kafka
        origin = origin_of_vault(read_setting(self._settings, store, VAULT_ID))
        marked = marked_for(kafka) if kafka.checkpoints in found else ""
        if marked not in ("", origin):
            return marked
        for other in schema.other_vaults(store):
            of_other = replace(self._settings, cassandra=replace(store.settings, keyspace=other))
            try:
                topics = json.loads(read_setting(of_other, store, TOPICS) or "{}")
            except StoreUnavailable:
                raise
            except VaultError:
                continue  # a user may be kept from reading them, and another vault may go meanwhile
            if any(given and topics.get(name) == given for name, given in bound.items()):
                return f"in the keyspace {other}"
        return ""

    def goes(self) -> list[str]:
        running = running_workers(self._settings.kafka)
        if running:
            raise Refused(
                f"the workers {', '.join(sorted(running))} of {self._settings.path} are running: stop "
                "them, and close every program that has the vault open; nothing was removed"
            )
        keyspaces = [
            *(schema.keyspace_of(self._store, n) for n in schema.generations(self._store)),
            self._store.settings.keyspace,
        ]
        return [
            *(f"collection {name}" for name in self._collections()),
            *(f"topic {name}" for name in self._topics),
            *(f"keyspace {name}" for name in keyspaces),
        ]

    def stays(self) -> list[str]:
        settings = self._settings
        kept = list(self._others)
        if settings.milvus is not None and not self._has_collections:
            kept.append(
                f"collections {settings.milvus.prefix}_*: vaults of that release share their names"
            )
        kept.append(f"{settings.root_key}: backups of the vault are opened with it")
        if settings.erased_list.exists():
            kept.append(f"{settings.erased_list}: backups of the vault are held to it")
        return kept

    def remove(self) -> None:
        milvus = self._settings.milvus
        if milvus is not None and self._has_collections:
            with closing(Milvus(milvus)) as opened:
                drop_collections(opened)
        remove_topics(self._settings.kafka, self._topics)
        schema.drop_all(self._store)  # the base last: it says what else is the vault's

    def _collections(self) -> list[str]:
        milvus = self._settings.milvus
        if milvus is None or not self._has_collections:
            return []
        with closing(Milvus(milvus)) as opened:
            return collections_of(opened)

    def close(self) -> None:
        self._store.close()
