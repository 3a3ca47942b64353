"""The MemCube as the fold knows it: header facts, lifecycle, and which version supplies what.

No content is here: the fold sees envelopes and ciphertext only (design: the life of a write).
"""

from __future__ import annotations

import struct
from enum import IntEnum, IntFlag
from functools import lru_cache
from hashlib import sha256
from typing import NamedTuple

ZERO_DIGEST = bytes(32)


class Form(IntEnum):
    """What a cube holds; `OPERATION` is the cube of a rollback, an erase or a named cut."""

    PLAINTEXT = 1
    ACTIVATION = 2
    PARAMETRIC = 3
    OPERATION = 4


class Lifecycle(IntEnum):
    """The states of a cube. Frozen is a legal hold; nothing leaves Erased."""

    GENERATED = 1
    ACTIVATED = 2
    MERGED = 3
    ARCHIVED = 4
    FROZEN = 5
    EXPIRED = 6
    ERASED = 7


SHOWN = frozenset({Lifecycle.GENERATED, Lifecycle.ACTIVATED, Lifecycle.FROZEN})
"""The states that search, and get without a position, show."""


class Part(IntFlag):
    """The separately versioned parts of a cube's sealed content."""

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
            *(version if parts & part else at for part, at in zip(PARTS, self, strict=True))
        )


class KeyedEvent(NamedTuple):
    """An accepted event that carried an idempotency key, and the version that it left."""

    event_id: bytes
    command_mac: bytes
    version: int


class CubeState(NamedTuple):
    """One cube, folded. `sequence` counts the records folded into it, accepted or not."""

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
    keyed: tuple[KeyedEvent, ...] = ()
    erasing: bytes = b""
    merged_into: bytes = b""


_PARTS = struct.Struct(">5q")


def _field(value: bytes) -> bytes:
    return len(value).to_bytes(4, "big") + value


def _text(value: str) -> bytes:
    return _field(value.encode("utf-8", "surrogatepass"))


def _number(value: int) -> bytes:
    return value.to_bytes(8, "big", signed=True)


def _many(values: tuple[bytes, ...]) -> bytes:
    return len(values).to_bytes(4, "big") + b"".join(values)


@lru_cache(maxsize=4096)
def _header_bytes(header: Header) -> bytes:
    span = header.lifespan
    return b"".join(
        (
            _text(header.owner),
            _many(tuple(map(_text, header.readers))),
            _many(tuple(map(_text, header.writers))),
            b"\x00"
            if span is None
            else b"\x01"
            + _number(span.after)
            + _number(span.since)
            + _number(span.renewed_by_access)
            + _number(span.half_life)
            + _number(span.then),
            _number(header.priority),
            _text(header.sensitivity),
            _text(header.purpose),
        )
    )


def cube_digest(state: CubeState) -> bytes:
    """SHA-256 of one cube: identity, versions' ciphertext digests, header facts, state, lineage.

    The encoding is this function, not protobuf's, because protobuf bytes are not canonical. It
    holds no position, log time, usage or count of attempts, so a migrated log gives the same.
    """
    return sha256(
        b"".join(
            (
                b"memos/cube/v1\n",
                _field(state.cube_id),
                _text(state.scope),
                bytes((state.form, state.lifecycle, state.thaws_to)),
                _number(state.version),
                _header_bytes(state.header),
                _many(tuple(map(_field, state.subjects))),
                _PARTS.pack(*state.parts),
                state.versions_digest,
                state.lineage_digest,
                _field(state.erasing),
                _field(state.merged_into),
            )
        )
    ).digest()
