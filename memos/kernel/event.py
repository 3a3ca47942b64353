"""Events: their identity, their schema version, and the one place where bytes become events."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import IntEnum
from hashlib import sha256
from typing import NamedTuple

from google.protobuf.message import DecodeError

from memos.kernel.errors import VaultError, shorten
from memos.kernel.upcast import UPCASTERS, Upcaster
from memos.wire.event_pb2 import Event

SCHEMA = (1, 4)
"""The schema version that this release writes; `UPCASTERS` lead every older one here."""


class Kind(IntEnum):
    """What an event says was attempted. The numbers are those of the wire contract."""

    GENERATED = 1
    REVISED = 2
    HEADER_CHANGED = 3
    TAGGED = 4
    LINKED = 5
    ACTIVATED = 6
    MERGED = 7
    ARCHIVED = 8
    RESTORED = 9
    FROZEN = 10
    THAWED = 11
    EXPIRED = 12
    ROLLED_BACK = 13
    ERASE_REQUESTED = 14
    ERASE_WITHDRAWN = 15
    ERASED = 16
    CACHED = 17
    EVICTED = 18
    DISTILLED = 19
    RETIRED = 20
    DECIDED = 21
    CUT_NAMED = 22
    GRANTED = 23
    REVOKED = 24
    CONFIGURED = 25
    API_KEY_ISSUED = 26
    API_KEY_REVOKED = 27
    API_KEY_USED = 28

    @property
    def title(self) -> str:
        """The name as people write it: `HeaderChanged`."""
        return "".join(word.capitalize() for word in self.name.split("_"))


KINDS_BY_TITLE: Mapping[str, Kind] = {kind.title: kind for kind in Kind}
DETAILS: Mapping[int, str] = {kind: kind.name.lower() for kind in Kind}
"""The field of the envelope that holds each kind's own facts."""


_POSITION = re.compile(r"(\d{1,50}):(\d{1,50})")
_ID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")


class Position(NamedTuple):
    """Where an event stands in the log. Written `partition:offset`."""

    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.partition}:{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Position:
        """Read `partition:offset`.

        Raises:
            ValueError: the text is no position.
        """
        found = _POSITION.fullmatch(text)
        if found is None:
            raise ValueError(f"{shorten(text)} is no position: it should look like 0:42")
        return cls(*map(int, found.groups()))


class Record(NamedTuple):
    """An event as stored. `log_time` is in microseconds since 1970; `data` the exact bytes."""

    position: Position
    log_time: int
    data: bytes


_TOO_BIG = 2**63
_MOST_CHARACTERS = 16_000  # of four bytes at most


class Undecodable(ValueError):
    """The bytes are no event: damaged or forged. Folded as rejected(undecodable)."""


class TooNew(VaultError):
    """The event was written by a newer release. Nothing is skipped: upgrade this worker."""

    def __init__(self, major: int, minor: int) -> None:
        super().__init__(
            f"this event has schema {major}.{minor}, newer than the {SCHEMA[0]}.{SCHEMA[1]} that "
            f"this release of MemOS reads; upgrade MemOS, nothing was skipped"
        )


def decode(data: bytes) -> Event:
    """The one way from stored bytes to an event of the current schema.

    Raises:
        Undecodable: the bytes are no event.
        TooNew: the event has a newer schema version than this release knows.
    """
    try:
        event = Event.FromString(data)
    except DecodeError as error:
        raise Undecodable(f"the bytes are no event: {error}") from None
    version = (event.schema_major, event.schema_minor)
    if version > SCHEMA:
        raise TooNew(*version)
    if version < SCHEMA:
        _bring_up_to_date(event, version)
    if not _can_be_kept(event):
        raise Undecodable(
            "the event holds what no store can keep: a key too long, a number too big"
        )
    if (
        len(event.event_id) != 16
        or len(event.cube_id) != 16
        or event.WhichOneof("detail") != DETAILS.get(event.kind, "")
    ):
        raise Undecodable("the bytes decode, but not to an event with ids and a kind's own facts")
    return event


def _can_be_kept(event: Event) -> bool:
    """Whether no store has to refuse an event: of what it keeps by, every text is shorter than its
    longest key (64 KiB), and every number fits.
    """
    if event.composed_from >= _TOO_BIG or (
        event.edges and max(edge.other.version for edge in event.edges) >= _TOO_BIG
    ):
        return False
    keys = (event.scope, event.actor, event.tenant, event.operation_id)
    return max(map(len, keys)) <= _MOST_CHARACTERS


def _bring_up_to_date(event: Event, version: tuple[int, int]) -> None:
    if version not in UPCASTERS:
        raise Undecodable(f"no release of MemOS wrote schema {version[0]}.{version[1]}")
    while version != SCHEMA:
        version, upcast = UPCASTERS[version]
        upcast(event)
    event.schema_major, event.schema_minor = version


def check_upcasters(
    upcasters: Mapping[tuple[int, int], Upcaster], schema: tuple[int, int] = SCHEMA
) -> None:
    """Raise ValueError unless every older schema version leads, upwards only, to `schema`."""
    for start in upcasters:
        version = start
        while version != schema:
            step = upcasters.get(version)
            if step is None:
                raise ValueError(f"schema {start} stops at {version}: no upcaster leads on")
            if step[0] <= version:
                raise ValueError(f"the upcaster of schema {version} leads back to {step[0]}")
            version = step[0]


check_upcasters(UPCASTERS)


def as_uuid(digest: bytes) -> bytes:
    """Sixteen bytes of a digest as a UUIDv8 (RFC 9562 §5.8)."""
    raw = bytearray(digest[:16])
    raw[6] = raw[6] & 0x0F | 0x80
    raw[8] = raw[8] & 0x3F | 0x80
    return bytes(raw)


def caused_id(cause_id: bytes, cube_id: bytes, kind: Kind) -> bytes:
    """The id of the event that `cause_id` has on `cube_id`: a replay makes no second copy."""
    return as_uuid(sha256(b"memos/caused/v1\n" + cause_id + cube_id + bytes((kind,))).digest())


def id_text(raw: bytes) -> str:
    """An id as its 36 characters."""
    h = raw.hex()
    return f"{h[:8]}-{h[8:12]}-{h[12:16]}-{h[16:20]}-{h[20:]}"


def id_bytes(text: str) -> bytes:
    """The 16 bytes of an id.

    Raises:
        ValueError: the text is no id.
    """
    if not _ID.fullmatch(text):
        raise ValueError(
            f"{text!r} is no id: an id has 36 characters, such as {id_text(bytes(16))}"
        )
    return bytes.fromhex(text.replace("-", ""))
