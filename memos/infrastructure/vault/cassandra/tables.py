"""The tables of a distributed vault.

Two kinds of keyspace. The base, `{base}`, holds what is no projection: settings, keys, erasure
receipts and the pointer to the live generation. A generation, `{base}_g{n}`, holds everything that
is folded from the log: a rebuild fills the next one beside the live one, and then the pointer moves.

`hour` counts hours, `period` thirty days, both since 1970; `bucket` is named at each table. Log
times are in microseconds since 1970. An ordinal is that of `memos.kernel.moment`.
"""

from __future__ import annotations

from collections.abc import Mapping

VERSION = 6
"""Of the tables below; `MIGRATIONS` of the schema lead every older one here."""

BUCKET = 1000
"""Rows in a partition of `attempt` and of `record`."""

HOUR = 3_600_000_000
PERIOD = 30 * 24 * HOUR

# Append-only rows are merged seldom; what is read by key and deleted is kept in levels, so that a
# deleted key leaves the files soon. A day outlasts the window of hints, and a tombstone holds
# nothing that was secret.
_APPENDED = "compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'T4'}"
_REPLACED = "compaction = {'class': 'UnifiedCompactionStrategy', 'scaling_parameters': 'L4'}"
_KEYS = f"{_REPLACED} AND gc_grace_seconds = 86400"

# Erasures whose Erased event may be in the log, and whose receipt is not kept yet; `counted`: what
# there was to destroy.
ERASURE_BEGUN = f"erasure_begun (operation_id blob PRIMARY KEY, counted text) WITH {_REPLACED}"

# Records that a projection cannot take while it takes others. ordinal, partition, offset: of the
# record. `refused_by`: a model's digest, or empty. `release`: of MemOS, by which it was last tried. `cause`:
# the kind of the error.
SET_ASIDE = (
    "set_aside (projection text, cube_id blob, ordinal bigint, partition int, offset bigint,"
    f" refused_by blob, release text, cause text, PRIMARY KEY ((projection), cube_id, ordinal)) WITH {_REPLACED}"
)

# Who works at what nobody else may work at meanwhile. Rows end by themselves: see `lease`. `place`: its
# machine and process. since: in microseconds since 1970.
LEASE = f"lease (name text PRIMARY KEY, holder text, place text, since bigint) WITH {_REPLACED}"

# One row, id 0, once the root key was rotated: a RootRecord as JSON.
ROOT_KEY = f"root_key (id int PRIMARY KEY, record text) WITH {_KEYS}"

BASE: tuple[str, ...] = (
    f"schema_version (id int PRIMARY KEY, version int) WITH {_REPLACED}",
    # One row, id 0: the generation that is read and folded into, and the lease of the one rebuild that may
    # put another in its place. Written by lightweight transactions alone.
    f"pointer (id int PRIMARY KEY, generation int, rebuilder text) WITH {_REPLACED}",
    # Every generation that exists, the version of its tables, and the collection of vectors that was
    # filled with it.
    (f"generation (number int PRIMARY KEY, version int, collection text) WITH {_REPLACED}"),
    LEASE,
    f"setting (name text PRIMARY KEY, value text) WITH {_REPLACED}",
    # Wrapped keys: a tenant's for each `place` of use, a subject's, a cube's. `retiring`: the mark of
    # an erase that is about to destroy the key, where nobody has taken it back.
    f"tenant_key (tenant text, place int, wrapped blob, PRIMARY KEY ((tenant), place)) WITH {_KEYS}",
    (
        "subject_key (tenant text, subject blob, wrapped blob, retiring blob,"
        f" PRIMARY KEY ((tenant, subject))) WITH {_KEYS}"
    ),
    # `subjects`: digests of 16 bytes, joined.
    f"cube_key (cube_id blob PRIMARY KEY, tenant text, subjects blob, wrapped blob) WITH {_KEYS}",
    f"erasure (operation_id blob PRIMARY KEY, receipt text) WITH {_REPLACED}",
    ERASURE_BEGUN,
    ROOT_KEY,
)

GENERATION: tuple[str, ...] = (
    # The cube after its last record. Every write carries all columns USING TIMESTAMP sequence,
    # and no other clock ever writes here.
    (
        "head (cube_id blob PRIMARY KEY, scope text, lifecycle int, ends bigint, erasing blob,"
        " partition int, offset bigint, ordinal bigint, sequence bigint, state blob, checksum blob)"
        f" WITH {_REPLACED}"
    ),
    # Every record of a cube and what became of it. bucket: the cube's sequence // 1000. What the
    # event itself tells is in `data`, the record's bytes. `state`: only where accepted. `caused`:
    # the ids of the events that follow from it, 16 bytes each, joined.
    (
        "attempt (cube_id blob, bucket int, ordinal bigint, partition int, offset bigint,"
        " log_time bigint, sequence bigint, event_id uuid, result tinyint, reason tinyint,"
        " version bigint, digest blob, duplicate_of blob, state blob, caused blob, data blob,"
        f" PRIMARY KEY ((cube_id, bucket), ordinal)) WITH {_APPENDED}"
    ),
    # The log in order. bucket: offset // 1000. `sequence` leads to the attempt's bucket. `sources`:
    # the source digests, joined. `data`: only where the record is no event, and no cube has it.
    (
        "record (partition int, bucket int, offset bigint, ordinal bigint, log_time bigint,"
        " cube_id blob, sequence bigint, kind smallint, result tinyint, scope text, actor text,"
        f" sources blob, data blob, PRIMARY KEY ((partition, bucket), offset)) WITH {_APPENDED}"
    ),
    # Which buckets of `record` (or periods of `ending`) hold something of a tenant, an actor or a
    # source; see `memos.infrastructure.vault.cassandra.terms`.
    (
        "posting (term blob, partition int, bucket int,"
        f" PRIMARY KEY ((term), partition, bucket)) WITH {_APPENDED}"
    ),
    # Events of operations of several events; one that is alone has the id of its operation.
    # bucket: that of the attempt.
    (
        "operation (operation_id blob, ordinal bigint, cube_id blob, bucket int,"
        f" PRIMARY KEY ((operation_id), ordinal)) WITH {_APPENDED}"
    ),
    # Lineage from the derived end and from the source's. Written USING TIMESTAMP so that the first
    # record of an edge wins.
    (
        "edge_in (derived_cube blob, derived_version bigint, relation tinyint, source_cube blob,"
        " source_version bigint, source_digest blob, ordinal bigint, PRIMARY KEY ((derived_cube),"
        f" derived_version, relation, source_cube, source_version)) WITH {_APPENDED}"
    ),
    (
        "edge_out (source_cube blob, source_version bigint, relation tinyint, derived_cube blob,"
        " derived_version bigint, source_digest blob, ordinal bigint, PRIMARY KEY ((source_cube),"
        f" source_version, relation, derived_cube, derived_version)) WITH {_APPENDED}"
    ),
    (
        f"subject (digest blob, partition int, cube_id blob, PRIMARY KEY ((digest, partition), cube_id))"
        f" WITH {_APPENDED}"
    ),
    (
        "scope (tenant text, partition int, scope text, cube_id blob,"
        f" PRIMARY KEY ((tenant, partition), scope, cube_id)) WITH {_APPENDED}"
    ),
    # `positions`: Position messages in a CutNamed, as the event has them. Written USING TIMESTAMP
    # so that the first record of a name wins.
    f"cut (name text PRIMARY KEY, ordinal bigint, positions blob) WITH {_REPLACED}",
    # Cubes whose lifespan ends, and cubes of erases under way: hints, which the head confirms.
    # Written and deleted USING TIMESTAMP sequence of the cube. period: of `ends`.
    (
        "ending (partition int, period int, ends bigint, cube_id blob,"
        f" PRIMARY KEY ((partition, period), ends, cube_id)) WITH {_REPLACED}"
    ),
    (
        "erasing (partition int, operation_id blob, cube_id blob,"
        f" PRIMARY KEY ((partition), operation_id, cube_id)) WITH {_REPLACED}"
    ),
    # Up to where a projection is: `offset` is the next one to take, `ordinal` that of the last one
    # taken, `log_time` the greatest so far. Of projections fold, index, vectors, usage and seal.
    # Written USING TIMESTAMP offset: a worker that was given up for dead cannot set it back.
    (
        "checkpoint (projection text, partition int, offset bigint, ordinal bigint, log_time bigint,"
        f" PRIMARY KEY ((projection), partition)) WITH {_REPLACED}"
    ),
    # Absolute for each partition of the access log; a reader sums. position: the access offset.
    (
        "usage (cube_id blob, access_partition int, uses bigint, last_used bigint, position bigint,"
        f" PRIMARY KEY ((cube_id), access_partition)) WITH {_REPLACED}"
    ),
    # The index's changes in log order. `terms` null: the text stays as it was.
    (
        "span (tenant text, partition int, hour int, offset bigint, ordinal bigint, cube_id blob,"
        " scope text, version bigint, state tinyint, flags tinyint, is_first boolean, terms blob,"
        " length int, session bigint, number bigint, speaker bigint, traits tinyint,"
        " valid_from bigint, valid_until bigint,"
        f" PRIMARY KEY ((tenant, partition, hour), offset)) WITH {_APPENDED}"
    ),
    (
        "span_bucket (tenant text, partition int, hour int,"
        f" PRIMARY KEY ((tenant), partition, hour)) WITH {_APPENDED}"
    ),
    SET_ASIDE,
    # The Merkle tree of each partition, and the checkpoints that were signed.
    (
        "tile (partition int, level int, chunk bigint, position int, hash blob,"
        f" PRIMARY KEY ((partition, level, chunk), position)) WITH {_APPENDED}"
    ),
    f"frontier (partition int PRIMARY KEY, size bigint, tree blob, log_time bigint) WITH {_REPLACED}",
    (
        "note (partition int, size bigint, note text,"
        f" PRIMARY KEY ((partition), size)) WITH {_APPENDED}"
    ),
)

_OF_AN_EVENT = frozenset({"cube_id", "sequence", "kind", "scope", "actor", "sources"})
_OF_A_TEXT = frozenset(
    {"terms", "length", "session", "number", "speaker", "traits", "valid_from", "valid_until"}
)
MAY_BE_EMPTY: Mapping[str, tuple[frozenset[str], ...]] = {
    "record": (frozenset({"data"}), _OF_AN_EVENT),
    "span": (frozenset(), _OF_A_TEXT),
}
"""The columns of a generation that a row may have nothing in, all of a set together; of every other
table none.
"""

INDEXES: tuple[str, ...] = (
    # An id is found anywhere; where its cube is known, in that cube's partition alone.
    "attempt_event ON {keyspace}.attempt (event_id) USING 'sai'",
)
