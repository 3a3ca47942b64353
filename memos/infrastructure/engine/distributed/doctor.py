"""What is wrong with a distributed vault, and how to mend it. Reads only; asks what it can reach."""

from __future__ import annotations

import stat
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from memos.infrastructure.batches import batched
from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.engine.distributed import doctor_cassandra, doctor_workers
from memos.infrastructure.engine.distributed.binding import (
    check_reach,
    check_root_key,
    check_topics_bound,
)
from memos.infrastructure.engine.distributed.key_presence import (
    HEADS_AT_ONCE,
    cubes_without_keys,
    tenants_of,
)
from memos.infrastructure.engine.distributed.listed_erases import DistributedErasedList
from memos.infrastructure.engine.distributed.made_settings import PARTITIONS, VAULT_ID, read_setting
from memos.infrastructure.engine.distributed.settings import DistributedSettings, load_settings
from memos.infrastructure.engine.distributed.stores import MIGRATION
from memos.infrastructure.engine.distributed.topic_mark import origin_of_vault
from memos.infrastructure.engine.kept_keys import lost_keys
from memos.infrastructure.index.milvus.connection import Milvus
from memos.infrastructure.index.milvus.settings import MilvusSettings
from memos.infrastructure.keys.cassandra.cube_keys import CassandraCubeKeys
from memos.infrastructure.keys.cassandra.held_root import read_root_record
from memos.infrastructure.keys.cassandra.key_store import CassandraKeyStore
from memos.infrastructure.keys.root import RootKey
from memos.infrastructure.keys.root_files import ROTATE_AGAIN, UNFINISHED
from memos.infrastructure.log.kafka.log import KafkaLogs
from memos.infrastructure.log.kafka.topics import MAKE_TOPICS, check_topics
from memos.infrastructure.pages import page
from memos.infrastructure.reports import Finding
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.tables import VERSION
from memos.infrastructure.vault.cassandra.vault import CassandraVault
from memos.kernel.errors import (
    IndexUnavailable,
    InvalidInput,
    LogLost,
    LogUnavailable,
    MemosError,
    PartitionsChanged,
    ProjectionsLost,
    VaultError,
    WrongRootKey,
)

START = "start it, or correct its address and credentials"
LOST = f"{page('distributed.md')} says, under 'When something is lost', what each way on keeps"


def examine(path: Path) -> tuple[Finding, ...]:
    """Examine the vault whose settings are in a file; empty where all is well."""
    try:
        settings = load_settings(path)
    except InvalidInput as error:
        return (Finding("error", str(error), "correct the settings file"),)
    findings = [*_root_key(settings.root_key)]
    milvus = () if settings.milvus is None else tuple(_milvus(settings.milvus))
    try:
        store = CassandraSession(settings.cassandra)
    except VaultError as error:
        findings += [Finding("error", str(error), START), *check_topics(settings.kafka)]
    else:
        with closing(store):
            embeds = not any(finding.severity == "error" for finding in milvus)
            findings += _servers(settings, store, embeds=embeds)
    return (*findings, *milvus)


def _root_key(path: Path) -> Iterator[Finding]:
    try:
        RootKey.read(path)
    except VaultError as error:
        mend = "put it back from your backup: nothing opens without the root key"
        yield Finding("error", str(error), mend)
        return
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield Finding("error", f"{path} can be read by other users", f"chmod 0600 {path}")


def _servers(
    settings: DistributedSettings, store: CassandraSession, *, embeds: bool
) -> Iterator[Finding]:
    """What is wrong with Cassandra, Kafka, the vault and its workers; `embeds` says whether they can."""
    has_vault = schema.exists(store)
    lost: list[Finding] = []
    is_told = False  # what keeps the vault from being looked at: by what follows
    if has_vault and (schema.version(store) or 0) >= VERSION:
        try:
            lost += _lost(settings, store)
        except (LogUnavailable, PartitionsChanged):
            is_told = True
    yield from lost
    yield from doctor_cassandra.examine(store)
    made_with = read_setting(settings, store, PARTITIONS) if has_vault else ""
    topics = check_topics(settings.kafka, int(made_with) if made_with else None)
    is_lost = any(finding.severity == "error" for finding in lost)
    # Nobody is to make them again of whom it is said that they are lost.
    yield from (found for found in topics if not (is_lost and found.mend == MAKE_TOPICS))
    if not has_vault:
        yield Finding(
            "error",
            f"there is no vault in the keyspace {settings.cassandra.keyspace}",
            f"make it: `memos vault create {settings.path.name}`",
        )
        return
    if made_with and made_with != str(settings.kafka.partitions):
        yield Finding(
            "error",
            f"the settings say {settings.kafka.partitions} partitions, and the vault was made with "
            f"{made_with}: a cube's events would be split",
            f"set kafka.partitions = {made_with}",
        )
    if read_setting(settings, store, MIGRATION):
        yield Finding(
            "error",
            "a vault is being moved in here, and that is not done",
            "run the same `memos migrate` or `memos load` again: it goes on where it was",
        )
    elif (schema.version(store) or 0) >= VERSION and not is_told:
        try:
            if is_lost:
                return
            yield from doctor_workers.examine(settings, store, time.sleep, embeds=embeds)
            if not any(_root_key(settings.root_key)):  # else it is said, and nothing opens
                yield from _keys(settings, store)
            origin = origin_of_vault(read_setting(settings, store, VAULT_ID))
            yield from DistributedErasedList(settings, store, origin).findings()
        except MemosError as error:
            yield Finding("error", str(error), START)


def _lost(settings: DistributedSettings, store: CassandraSession) -> Iterator[Finding]:
    """Whether topics, tables and root key are those that the vault was made with, and none is lost."""
    try:
        if not any(_root_key(settings.root_key)):
            check_root_key(settings, store, CassandraKeyStore(store, settings.root_key))
            record = read_root_record(store)
            if record is not None and not record.is_complete:
                yield Finding("warning", UNFINISHED, ROTATE_AGAIN)
        check_topics_bound(settings, store)
        live = schema.live_generation(store)
        if not schema.is_there(store, live):
            raise schema.tables_lost(store, live)
        with KafkaLogs(settings.kafka) as logs:
            check_reach(CassandraVault(store, live), logs)
    except LogLost as error:
        mend = (
            f"stop the workers. {LOST}; where the log is lost for good: `memos rebuild --accept-loss "
            f"--vault {settings.path.name}`"
        )
        yield Finding("error", str(error), mend)
    except (ProjectionsLost, WrongRootKey) as error:
        yield Finding("error", str(error), LOST)


def _keys(settings: DistributedSettings, store: CassandraSession) -> Iterator[Finding]:
    """Whether every memory that nobody erased has its keys."""
    vault = CassandraVault(store)
    keys = CassandraKeyStore(store, settings.root_key, tenants_of(lambda: vault))
    base = settings.cassandra.keyspace
    for problem in lost_keys(keys):
        yield Finding(
            "error",
            f"{problem.where}: {problem.what}",
            f"bring {base}.tenant_key back from a backup that has it",
        )
    cube_keys = CassandraCubeKeys(store, keys)
    count = sum(
        len(cubes_without_keys(cube_keys, vault, heads))
        for heads in batched(vault.heads(), HEADS_AT_ONCE)
    )
    if count:
        yield Finding(
            "error",
            f"the keys of {count} memories are missing, though nobody erased them",
            f"bring {base}.cube_key and {base}.subject_key back from a backup that has them",
        )


def _milvus(settings: MilvusSettings) -> Iterator[Finding]:
    with closing(Milvus(settings)) as milvus:
        try:
            able = milvus.capabilities()
        except IndexUnavailable as error:
            yield Finding("error", str(error), START)
            return
    if not able.sparse:
        yield Finding(
            "warning",
            f"Milvus at {settings.uri} is {able.version}, which has no sparse vectors: it finds "
            "candidates by dense vectors alone",
            "open the vault with an embedder, or upgrade it to 2.4 or newer",
        )
