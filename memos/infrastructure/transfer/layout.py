"""The layout of an export: its files, its limits, and what one line of each file says.

docs/exchange.md says the same to people.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from memos.infrastructure.engine.dump import DumpEnd, EventLine
from memos.infrastructure.log.ancestry import FirstPlace
from memos.kernel.errors import Refused
from memos.kernel.event import Kind, Position, TooNew, Undecodable, decode, id_bytes, id_text
from memos.wire.event_pb2 import Event

FORMAT = "memos-export"
MAJOR, MINOR = 1, 2
"""A reader refuses a higher major; a higher minor only adds what may be passed over."""

MANIFEST = "manifest.json"
TOMBSTONES = "tombstones.jsonl"
MEMORIES = "memories.jsonl"
EVENTS = "events.jsonl"
CHECKPOINT = "checkpoint.txt"
TENANT_KEYS = "tenant-keys.jsonl"
CUBE_KEYS = "cube-keys.jsonl"
ACCESSES = "accesses.jsonl"
ERASURES = "erasures.jsonl"
CHECKSUMS = "manifest-sha256.txt"
SIGNATURE = "signature.txt"

SUMMED = (
    MANIFEST,
    TOMBSTONES,
    MEMORIES,
    EVENTS,
    CHECKPOINT,
    TENANT_KEYS,
    CUBE_KEYS,
    ACCESSES,
    ERASURES,
)
"""What the checksums cover; the checksums themselves are signed."""

FILES = (*SUMMED, CHECKSUMS, SIGNATURE)

MAX_LINE_BYTES = 160 * 2**20
"""The longest line: a text of 64 MiB in base64, with its tags and metadata."""

MAX_SMALL_BYTES = 2**20
"""The largest manifest, checkpoint, checksum or signature file."""

END_OF_TIME = 253_402_300_800_000_000
"""The year 10000, in microseconds since 1970: no log time comes so late."""


def encode_line(value: Mapping[str, Any]) -> bytes:
    """One JSON line in UTF-8; what UTF-8 cannot hold (half a surrogate pair) is escaped."""
    try:
        return json.dumps(value, ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError:
        return json.dumps(value).encode() + b"\n"


def decode_object(data: bytes, where: str) -> dict[str, Any]:
    """One JSON object.

    Raises:
        Refused: the bytes are none.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refused(f"{where} is no JSON: {error}") from None
    if not isinstance(value, dict):
        raise Refused(f"{where} is no JSON object")
    return value


def text_of(value: Mapping[str, Any], name: str, where: str) -> str:
    """A field that must be a text."""
    text = value.get(name)
    if not isinstance(text, str):
        raise Refused(f"{where}: {name!r} must be a text")
    return text


def number_of(value: Mapping[str, Any], name: str, where: str, below: int = 2**62) -> int:
    """A field that must be a whole number from 0 up."""
    number = value.get(name)
    if not isinstance(number, int) or isinstance(number, bool) or not 0 <= number < below:
        raise Refused(f"{where}: {name!r} must be a whole number from 0 up to {below}")
    return number


def bytes_of(value: Mapping[str, Any], name: str, where: str) -> bytes:
    """A field that must be bytes in base64 (RFC 4648 section 4)."""
    try:
        return b64decode(text_of(value, name, where), validate=True)
    except ValueError:
        raise Refused(f"{where}: {name!r} is no base64") from None


def id_of(value: Mapping[str, Any], name: str, where: str) -> bytes:
    """A field that must be an id."""
    try:
        return id_bytes(text_of(value, name, where))
    except ValueError as error:
        raise Refused(f"{where}: {error}") from None


def offset_of(value: Mapping[str, Any], name: str, where: str) -> int:
    """A field that must be a position in partition 0."""
    try:
        position = Position.parse(text_of(value, name, where))
    except ValueError as error:
        raise Refused(f"{where}: {error}") from None
    if position.partition != 0 or position.offset >= 2**62:
        raise Refused(f"{where}: {position} is no position of an embedded log")
    return position.offset


def read_text(files: Mapping[str, Path], name: str) -> str:
    """The text of one of the small files.

    Raises:
        Refused: it is none.
    """
    try:
        return files[name].read_bytes().decode()
    except UnicodeDecodeError:
        raise Refused(f"{name} is no UTF-8 text") from None


def base64_text(data: bytes) -> str:
    """Bytes as base64."""
    return b64encode(data).decode("ascii")


def event_entry(line: EventLine) -> dict[str, Any]:
    """A line of the events file: what a person wants to know, then the exact bytes."""
    event = decoded(line.data)
    entry: dict[str, Any] = {
        "position": str(Position(0, line.offset)),
        "log_time": line.log_time,
        "kind": "" if event is None else Kind(event.kind).title,
        "cube_id": "" if event is None else id_text(event.cube_id),
        "event_id": "" if event is None else id_text(event.event_id),
        "actor": "" if event is None else event.actor,
        "sequence": line.sequence,
    }
    if line.first is not None:
        origin, offset, log_time = line.first
        entry["first"] = {
            "origin": origin,
            "position": str(Position(0, offset)),
            "log_time": log_time,
        }
    return {**entry, "data": base64_text(line.data)}


def read_event_line(entry: Mapping[str, Any], where: str) -> EventLine:
    """What `event_entry` wrote.

    Raises:
        Refused: a field is missing or does not fit, or says something else than the event's bytes.
    """
    first = None
    if "first" in entry:
        place = entry["first"]
        if not isinstance(place, dict):
            raise Refused(f"{where}: 'first' must be an object")
        first = FirstPlace(
            text_of(place, "origin", where),
            offset_of(place, "position", where),
            number_of(place, "log_time", where, END_OF_TIME),
        )
    line = EventLine(
        offset_of(entry, "position", where),
        number_of(entry, "log_time", where, END_OF_TIME),
        number_of(entry, "sequence", where),
        bytes_of(entry, "data", where),
        first,
    )
    for name, value in event_entry(line).items():
        if entry.get(name) != value:
            raise Refused(f"{where}: {name!r} is not what the event's bytes say")
    return line


def decoded(data: bytes) -> Event | None:
    """The event, or None where the bytes are none: such a record is kept and never folded.

    Raises:
        Refused: a newer release wrote it.
    """
    try:
        return decode(data)
    except Undecodable:
        return None
    except TooNew as error:
        raise Refused(str(error)) from None


def end_entry(end: DumpEnd) -> dict[str, Any]:
    """What the manifest says of where an export of a whole vault ends."""
    return {
        "cut": {str(partition): size for partition, size in end.cut.items()},
        "tails": {str(partition): leaf.hex() for partition, leaf in end.tails.items()},
        "accesses": {str(partition): size for partition, size in end.accesses.items()},
        "log_time": end.log_time,
        "tree": base64_text(end.tree),
    }


def read_end(entry: object, where: str) -> DumpEnd:
    """What `end_entry` wrote.

    Raises:
        Refused: a field is missing or does not fit.
    """
    if not isinstance(entry, dict):
        raise Refused(f"{where}: 'end' must be an object")
    try:
        return DumpEnd(
            {int(partition): int(size) for partition, size in entry["cut"].items()},
            {int(partition): bytes.fromhex(leaf) for partition, leaf in entry["tails"].items()},
            {int(partition): int(size) for partition, size in entry["accesses"].items()},
            number_of(entry, "log_time", where, END_OF_TIME),
            bytes_of(entry, "tree", where),
        )
    except (AttributeError, KeyError, TypeError, ValueError):
        raise Refused(f"{where}: 'end' is not what an export says of its end") from None
