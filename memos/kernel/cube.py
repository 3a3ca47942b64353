"""The MemCube as the fold knows it: header facts, lifecycle, and which version supplies what.

No content is here: the fold sees envelopes and ciphertext only (design: the life of a write).
"""

from __future__ import annotations

from enum import IntEnum
from typing import NamedTuple

ZERO_DIGEST = bytes(32)


class Form(IntEnum):
    """What a cube holds; `OPERATION` is the cube of a rollback, an erase or a named cut, `TENANT`
    that of a tenant's settings.
    """

    PLAINTEXT = 1
    ACTIVATION = 2
    PARAMETRIC = 3
    OPERATION = 4
    TENANT = 5


NO_MEMORY = frozenset({Form.OPERATION, Form.TENANT})
"""The forms of cubes that hold no memory: no read shows them, and nothing ends or undoes them."""


class Lifecycle(IntEnum):
    """The states of a cube. Frozen is a freeze or a legal hold; nothing leaves Erased."""

    GENERATED = 1
    ACTIVATED = 2
    MERGED = 3
    ARCHIVED = 4
    FROZEN = 5
    EXPIRED = 6
    ERASED = 7


SHOWN = frozenset({Lifecycle.GENERATED, Lifecycle.ACTIVATED, Lifecycle.FROZEN})
"""The states that search, and get without a position, show."""

EVERY_STATE = frozenset(Lifecycle) - {Lifecycle.ERASED}
"""The states in which a memory can be read."""


class Part(IntEnum):
    """The separately versioned parts of a cube's sealed content: bits, and of no flag enum, whose
    operations cost microseconds on the way of every write.
    """

    CONTENT = 1
    TAGS = 2
    PROVENANCE = 4
    METADATA = 8
    VALID_TIME = 16


PARTS = (Part.CONTENT, Part.TAGS, Part.PROVENANCE, Part.METADATA, Part.VALID_TIME)
ALL_PARTS = 31


class LifespanEnd(IntEnum):
    """What happens to a cube whose lifespan is over."""

    ARCHIVE = 1
    EXPIRE = 2
    ERASE = 3


class Lifespan(NamedTuple):
    """How long a cube lives: `after` microseconds, counted from `since` or, where an access renews
    it, from the last use. `half_life` is that of its rank in a search; 0 means no decay.
    An `after` of 0 means that it never ends.
    """

    after: int
    since: int = 0
    renewed_by_access: bool = False
    half_life: int = 0
    then: LifespanEnd = LifespanEnd.ARCHIVE


class Header(NamedTuple):
    """The governance facts, in clear because they decide who may do what."""

    owner: str = ""
    readers: tuple[str, ...] = ()
    writers: tuple[str, ...] = ()
    lifespan: Lifespan | None = None
    priority: int = 0
    sensitivity: str = ""
    purpose: str = ""


class PartVersions(NamedTuple):
    """Which version of the cube supplies each part; 0 where none ever did."""

    content: int = 0
    tags: int = 0
    provenance: int = 0
    metadata: int = 0
    valid_time: int = 0

    def supplied(self, parts: int, version: int) -> PartVersions:
        """The same with every part in the bit set `parts` supplied by `version`."""
        if parts == ALL_PARTS:
            return PartVersions(version, version, version, version, version)
        return PartVersions(
            *(version if parts & part else self[index] for index, part in enumerate(PARTS))
        )


class KeyedEvent(NamedTuple):
    """An accepted event that may come again under its id, and the version that it left."""

    event_id: bytes
    command_mac: bytes
    version: int


class IssuedKey(NamedTuple):
    """An API key of a tenant that has not ended.

    Attributes:
        key_id: of the event that issued it.
        secret_digest: SHA-256 of its secret.
        actor: on whose behalf it calls.
        name: what people call it.
        actions: what it may do at most, in order.
        scopes: what it reaches at most, in order; none for the whole tenant.
        origin: of the log that it was issued in.
        created: microseconds since 1970, by the clock of who issued it.
        expires: when it ends; 0 for never.
        replaces: the id of the key whose place it took; empty for none.
        replaced_by: the id of the key that took its place; empty for none.
        last_used: when it was last noted to be used; 0 for never.
    """

    key_id: bytes
    secret_digest: bytes
    actor: str
    name: str
    actions: tuple[str, ...]
    scopes: tuple[str, ...]
    origin: str
    created: int
    expires: int = 0
    replaces: bytes = b""
    replaced_by: bytes = b""
    last_used: int = 0

    def has_ended(self, time: int) -> bool:
        """Whether it is expired at a time, in microseconds since 1970."""
        return 0 < self.expires <= time


class CubeState(NamedTuple):
    """One cube, folded. `sequence` counts the records folded into it, accepted or not.

    `yields_to_erase` tells an owner's freeze, which an administrator's erase ends, from a hold.
    `administrators`, `sensitivities` (lowest first) and `api_keys` (as they were issued) are a
    tenant's, on its own cube. `ended_edges` are the keys of the edges that were undone, in order (see
    `lineage.edge_key`).
    """

    cube_id: bytes
    scope: str
    form: Form
    lifecycle: Lifecycle
    thaws_to: int
    version: int
    sequence: int
    header: Header
    subjects: tuple[bytes, ...]
    parts: PartVersions
    versions_digest: bytes
    lineage_digest: bytes
    erasing: bytes = b""
    merged_into: bytes = b""
    yields_to_erase: bool = False
    administrators: tuple[str, ...] = ()
    sensitivities: tuple[str, ...] = ()
    ended_edges: tuple[bytes, ...] = ()
    api_keys: tuple[IssuedKey, ...] = ()
