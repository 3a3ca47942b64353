"""What is unsafe about Cassandra's nodes, keyspaces and settings."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping

from memos.infrastructure.cassandra.connection import CassandraSession
from memos.infrastructure.cassandra.settings import CassandraSettings
from memos.infrastructure.engine.distributed.generations import REMOVABLE, generations
from memos.infrastructure.reports import Finding
from memos.infrastructure.vault.cassandra import schema
from memos.infrastructure.vault.cassandra.tables import VERSION
from memos.kernel.errors import StoreUnavailable, VaultError

OLDEST_CASSANDRA = (5, 0)
"""Storage-attached indexes and unified compaction, which the tables use."""

SKEW_SECONDS = 1.0
HINT_SECONDS = 3 * 3600
"""How long a node keeps what another one missed: a deletion must outlive it."""

LONGEST_GRACE_SECONDS = 864_000
KEY_TABLES = ("cube_key", "subject_key", "tenant_key")

_FIXED = {"ANY": 0, "ONE": 1, "LOCAL_ONE": 1, "TWO": 2, "THREE": 3}


def examine(store: CassandraSession) -> Iterator[Finding]:
    """Examine the cluster that a store is connected to."""
    yield from _nodes(store)
    yield from _node_settings(store)
    if schema.exists(store):
        yield from _schema(store)
        yield from _keyspaces(store)
        yield from _graces(store)


def replicas_needed(consistency: str, copies: int) -> int:
    """How many of so many copies must answer."""
    if consistency in _FIXED:
        return _FIXED[consistency]
    return copies if consistency == "ALL" else copies // 2 + 1


def judge_consistency(settings: CassandraSettings, copies: int, up: int) -> Iterator[Finding]:
    """What is wrong with the consistencies, of so many copies and with so many nodes up."""
    needed = {
        name: replicas_needed(level, copies)
        for name, level in (
            ("read", settings.read_consistency),
            ("write", settings.write_consistency),
        )
    }
    for name, count in needed.items():
        if count > min(copies, up):
            level = getattr(settings, f"{name}_consistency")
            yield Finding(
                "error",
                f"{name}_consistency {level} needs {count} nodes that have a row, and {up} are up "
                f"of a keyspace with {copies} copies: no {name} can succeed",
                "start the nodes that are down, or choose a consistency that can be met",
            )
    if needed["read"] + needed["write"] <= copies:
        yield Finding(
            "error",
            f"reads at {settings.read_consistency} may miss what was written at "
            f"{settings.write_consistency}: a writer would not read its own write",
            "use LOCAL_QUORUM for both",
        )


def judge_settings(node: str, settings: Mapping[str, str]) -> Iterator[Finding]:
    """What is unsafe about a node with these settings of `cassandra.yaml`."""
    sync = settings.get("commitlog_sync")
    if sync is not None and sync not in ("batch", "group"):
        yield Finding(
            "warning",
            f"{node} has commitlog_sync={sync}: it acknowledges writes up to ten seconds before "
            "they are on its disk",
            "set commitlog_sync: batch, unless the copies are in places that fail apart",
        )
    if settings.get("auto_snapshot") == "true":
        yield Finding(
            "warning",
            f"{node} has auto_snapshot=true: a table that is dropped stays on its disk, erased "
            "memories and keys with it",
            "set auto_snapshot: false, and remove snapshots with `nodetool clearsnapshot`",
        )
    if settings.get("incremental_backups") == "true":
        yield Finding(
            "warning",
            f"{node} keeps incremental backups: keys that were destroyed stay in them",
            "set incremental_backups: false, or remove old backups after an erase",
        )


def judge_node(node: str, version: str, skew: float) -> Iterator[Finding]:
    """What is unsafe about a node of this version whose clock is ahead by so many seconds."""
    release = re.match(r"(\d+)\.(\d+)", version)
    if release and (int(release[1]), int(release[2])) < OLDEST_CASSANDRA:
        yield Finding("error", f"{node} is Cassandra {version}", "upgrade it to 5.0 or newer")
    if abs(skew) > SKEW_SECONDS:
        where = "ahead of" if skew > 0 else "behind"
        yield Finding(
            "warning",
            f"the clock of {node} is {abs(skew):.0f} s {where} this machine's",
            "have every server and client follow one time server",
        )


def _nodes(store: CassandraSession) -> Iterator[Finding]:
    for host in store.cluster.metadata.all_hosts():
        node = f"Cassandra's node {host.endpoint}"
        if not host.is_up:
            yield Finding("error", f"{node} is down", "start it")
            continue
        try:
            with store.explained():
                before = time.time()
                cql = "SELECT release_version, toUnixTimestamp(now()) FROM system.local"
                ((version, now),) = store.session.execute(cql, host=host)
                after = time.time()
        except StoreUnavailable as error:
            yield Finding("error", f"{node} does not answer: {error}", "see its log")
            continue
        # Milliseconds, cut off; half a round trip is as near as one look comes.
        yield from judge_node(node, version, now / 1000 - (before + after) / 2)


def _node_settings(store: CassandraSession) -> Iterator[Finding]:
    names = ("commitlog_sync", "auto_snapshot", "incremental_backups")
    for host in store.cluster.metadata.all_hosts():
        if not host.is_up:
            continue
        settings: dict[str, str] = {}
        try:
            for name in names:
                with store.explained():
                    rows = store.session.execute(
                        f"SELECT name, value FROM system_views.settings WHERE name = '{name}'",
                        host=host,
                    )
                    settings |= {n: value for n, value in rows if value is not None}
        except VaultError:
            continue  # a user may be kept from reading them: what cannot be read is not judged
        yield from judge_settings(f"Cassandra's node {host.endpoint}", settings)


def _schema(store: CassandraSession) -> Iterator[Finding]:
    version = schema.version(store)
    if version is None:
        yield Finding("error", "the vault's tables are half made", "run `memos vault create` again")
    elif version < VERSION:
        yield Finding(
            "error",
            f"the vault's tables have version {version}; this release works with {VERSION}",
            "run `memos vault create`, which brings them up to date",
        )
    elif version > VERSION:
        yield Finding(
            "error",
            f"the vault's tables have version {version}; this release knows up to {VERSION}",
            "upgrade MemOS",
        )
    if version is not None and version >= VERSION:
        yield from _generations(store)


def _generations(store: CassandraSession) -> Iterator[Finding]:
    for each in generations(store):
        if each.state in REMOVABLE:
            yield Finding(
                "warning",
                f"generation {each.number} is {each.state} since {each.since:%Y-%m-%dT%H:%M:%SZ}: "
                f"{schema.keyspace_of(store, each.number)} takes room, and nobody reads it",
                "`memos worker sweep` removes it after keep_former_hours, the next `memos rebuild` when "
                "it begins, and `memos vault generations --remove` at once",
            )


def _keyspaces(store: CassandraSession) -> Iterator[Finding]:
    settings = store.settings
    names = [settings.keyspace]
    names += [schema.keyspace_of(store, number) for number in schema.generations(store)]
    up = sum(
        bool(host.is_up) and host.datacenter == settings.local_datacenter
        for host in store.cluster.metadata.all_hosts()
    )
    cql = "SELECT replication FROM system_schema.keyspaces WHERE keyspace_name = ?"
    least = None
    for name in names:
        keyspaces = store.execute(cql, (name,))
        if not keyspaces:
            # Where it is the live one that is told by itself, and others nobody reads.
            continue
        copies = copies_of(keyspaces[0][0], settings.local_datacenter)
        least = copies if least is None else min(least, copies)
        if copies != settings.replication_factor:
            yield Finding(
                "warning",
                f"the keyspace {name} has {copies} copies in {settings.local_datacenter}, and the "
                f"settings say {settings.replication_factor}",
                f"ALTER KEYSPACE {name} WITH replication = {settings.replication}; then repair it",
            )
    if least == 1:
        yield Finding(
            "warning",
            f"{settings.keyspace} has one copy of each row: the loss of a disk loses the keys of "
            "memories for good",
            "keep three nodes and replication_factor = 3",
        )
    if least is not None:
        yield from judge_consistency(settings, least, up)


def copies_of(replication: Mapping[str, str], datacenter: str) -> int:
    """How many copies a keyspace has where the vault is read."""
    factor = replication.get(datacenter, replication.get("replication_factor", "0"))
    return int(str(factor).partition("/")[0])


def _graces(store: CassandraSession) -> Iterator[Finding]:
    cql = (
        "SELECT gc_grace_seconds FROM system_schema.tables"
        " WHERE keyspace_name = ? AND table_name = ?"
    )
    for table in KEY_TABLES:
        for (grace,) in store.execute(cql, (store.settings.keyspace, table)):
            if grace < HINT_SECONDS:
                yield Finding(
                    "error",
                    f"{table} has gc_grace_seconds={grace}: a node that was down brings a destroyed "
                    "key back",
                    "set gc_grace_seconds = 86400",
                )
            elif grace > LONGEST_GRACE_SECONDS:
                yield Finding(
                    "warning",
                    f"{table} has gc_grace_seconds={grace}: destroyed keys leave the files that late",
                    "set gc_grace_seconds = 86400",
                )
